"""Every body with every balancer: on looked-up rows and a dense table, with all labels and with some missing."""

import pytest
import torch
from torch import Tensor, nn

from plait.balance import Balancer, build_balancer
from plait.encode.ids import FusedEmbedding
from plait.share import AnySharing, Sharing, build_sharing
from support.methods import BALANCERS, BODIES, INPUTS, NAMES, kinds, label
from support.shapes import shapes_unchecked

__all__ = ["shapes_unchecked"]


SETTINGS = [one.settings for one in BALANCERS]


@pytest.mark.usefixtures("shapes_unchecked")
@pytest.mark.parametrize("sharing", BODIES, ids=label)
@pytest.mark.parametrize("balance", SETTINGS, ids=label)
def test_every_body_with_every_balancer(sharing, balance) -> None:
    """With looked-up rows and with a dense table, with all labels and with some missing: two steps each."""
    take_steps(sharing, balance, crossed=bool((BODIES.index(sharing) + SETTINGS.index(balance)) % 2))


@pytest.mark.soak
@pytest.mark.parametrize("sharing", BODIES, ids=label)
@pytest.mark.parametrize("balance", SETTINGS, ids=label)
def test_every_body_with_every_balancer_and_labels_missing_from_either_table(sharing, balance) -> None:
    for crossed in (True, False):
        take_steps(sharing, balance, crossed)


def take_steps(sharing, balance, crossed: bool) -> None:
    """Take them with labels missing where rows are looked up, or crossed: where the table is dense."""
    for sparse in (True, False):
        missing = sparse is not crossed
        torch.manual_seed(3)
        body = build_sharing(sharing, INPUTS, 3)
        heads = nn.ModuleList(nn.Linear(body.width, 1) for _ in NAMES)
        table = FusedEmbedding(20, 4, body.views) if sparse else nn.Embedding(20, 4 * body.views)
        small = Small(body, heads, table, missing)
        balancer = build_balancer(balance, NAMES, [1.0, 1.0, 0.5])
        balancer.begin(small.shared)
        for _ in range(2):
            small.train_once(balancer)


def test_no_body_is_left_out() -> None:
    assert {settings.kind for settings in BODIES} == kinds(AnySharing)


class Small:
    """A body on one table with a head per task; where labels are missing the second task has none at all."""

    def __init__(self, body: Sharing, heads: nn.ModuleList, table: nn.Module, missing: bool) -> None:
        self.body, self.heads, self.table = body, heads, table
        self.tasks = [0, 2] if missing else [0, 1, 2]
        self.own = [[*heads[t].parameters(), *body.own(t)] for t in range(3)]
        mine = {id(p) for some in self.own for p in some}
        dense = [] if isinstance(table, FusedEmbedding) else list(table.parameters())
        self.shared = [p for p in [*body.parameters(), *dense] if id(p) not in mine]

    def losses(self) -> Tensor:
        codes = torch.randint(1, 20, (16, 3), dtype=torch.int32)
        observed = torch.rand(3, 16) < 0.6
        found = self.table(codes)
        views = self.body.views
        x = found if isinstance(self.table, FusedEmbedding) else found.unflatten(2, (views, 4)).permute(2, 0, 1, 3)
        hidden = self.body(x.flatten(2), self.tasks, None if self.body.domain is None else codes[:, 0].long())
        each = [torch.zeros(())] * 3
        for task, vectors in zip(self.tasks, hidden, strict=True):
            errors = self.heads[task](vectors)[:, 0] - task - codes[:, 0] / 10
            each[task] = errors.square()[observed[task]].mean()
        return torch.stack(each)

    def train_once(self, balancer: Balancer) -> None:
        draws = [self.losses() for _ in range(balancer.draws)]
        looked = self.table.take() if isinstance(self.table, FusedEmbedding) else []
        added = self.body.penalty()
        if added is not None:
            added.backward(retain_graph=True)
        present = torch.tensor([task in self.tasks for task in range(3)])
        values = draws[0] if len(draws) == 1 else torch.stack(draws)
        there = present if len(draws) == 1 else present.expand(len(draws), -1)
        shared = [*self.shared, *(rows for _, rows in looked)]
        weights = balancer.backward(values, there, shared, self.own)
        assert weights.isfinite().all()
        assert bool((weights[~present] == 0).all())
        grads = [tensor.grad for tensor in [*shared, *(p for some in self.own for p in some)]]
        assert all(gradient is None or gradient.isfinite().all() for gradient in grads)
        assert any(rows.grad is not None and rows.grad.any() for _, rows in looked) or not looked
        if 1 not in self.tasks:
            assert all(p.grad is None or not p.grad.any() for p in self.own[1])
        with torch.no_grad():
            for tensor in [*self.shared, *(p for some in self.own for p in some), *balancer.parameters()]:
                if tensor.grad is not None:
                    tensor -= 0.01 * tensor.grad
                    tensor.grad = None
        balancer.after_step(lambda: self.losses().detach())
