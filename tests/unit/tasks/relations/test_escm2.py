"""ESCM2: both estimators by hand and against NumPy, where gradients stop, and unknown clicks."""

import numpy as np
import pytest
import torch
from torch import Tensor

from plait.tasks.base import Head
from plait.tasks.relations.escm2 import ESCM2
from plait.tasks.relations.relation import Linked, Told
from support.heads import head

NAN = float("nan")


class Case:
    """Drawn examples of a child whose parent is `click`."""

    def __init__(self, rows: int = 40, unknown: bool = False) -> None:
        draw = torch.Generator().manual_seed(4)
        self.vector = torch.randn(rows, 3, generator=draw)
        self.share = torch.randn(rows, 1, generator=draw).requires_grad_()
        self.click = (torch.randn(rows, generator=draw) * 2).requires_grad_()
        self.happened = (torch.rand(rows, generator=draw) < 0.4).float()
        self.label = ((torch.rand(rows, generator=draw) < 0.5) & (self.happened > 0)).float()[:, None]
        if unknown:
            self.happened[::3] = NAN
        self.head: Head = head("binary")

    def losses(self, relation: ESCM2) -> Tensor:
        output = self.head.under(self.share, self.click)
        linked = Linked(self.vector, self.share, output, self.click, ())
        return relation.losses(self.head, linked, Told(self.label, None, self.happened))

    def arrays(self) -> tuple[np.ndarray, ...]:
        z, a, y, o = (t.detach().double().numpy() for t in (self.share[:, 0], self.click, self.label[:, 0], self.happened))
        error = np.log1p(np.exp(-z)) * y + np.log1p(np.exp(z)) * (1 - y)
        product = 1 / (1 + np.exp(-a)) / (1 + np.exp(-z))
        entire = -y * np.log(product) - (1 - y) * np.log(1 - product)
        return error, entire, o, 1 + np.exp(-a)


def built(**settings: object) -> ESCM2:
    torch.manual_seed(1)
    return ESCM2(3, [4], ESCM2.Settings.model_validate(settings))


def test_propensity_against_numpy() -> None:
    case = Case()
    error, entire, happened, inverse = case.arrays()
    wanted = 0.5 * entire + 2.0 * happened * error * np.minimum(inverse, 3.0)
    losses = case.losses(built(risk="ips", counterfactual=2.0, entire=0.5, clip=3.0))
    assert np.allclose(losses.detach().numpy(), wanted, rtol=1e-4, atol=1e-5)


def test_doubly_robust_against_numpy() -> None:
    case, relation = Case(), built(risk="dr", clip=5.0)
    assert relation.imputation is not None
    error, entire, happened, inverse = case.arrays()
    expected = np.log1p(np.exp(relation.imputation(case.vector).detach().double().numpy()[:, 0]))
    weight = happened * np.minimum(inverse, 5.0)
    wanted = entire + expected + weight * (error - expected) + weight * (error - expected) ** 2
    assert np.allclose(case.losses(relation).detach().numpy(), wanted, rtol=1e-4, atol=1e-5)


def test_by_hand() -> None:
    case = Case(2)
    with torch.no_grad():
        case.share.zero_()
        case.click.zero_()
    case.happened, case.label = torch.tensor([1.0, 0.0]), torch.tensor([[1.0], [0.0]])
    losses = case.losses(built(risk="ips", entire=0.0))
    # q = 1/2, e = log 2: the clicked one counts twice, the other not at all.
    assert torch.allclose(losses, torch.tensor([2 * np.log(2.0), 0.0]).float())


def test_the_propensity_gets_no_gradient_and_the_tower_follows_the_error() -> None:
    case, relation = Case(), built(risk="dr", entire=0.0)
    case.losses(relation).sum().backward()
    assert case.click.grad is None or not case.click.grad.any()
    assert case.share.grad is not None
    error, _, happened, inverse = case.arrays()
    # The share's gradient is that of the weighted error alone: the squared term moves the tower only.
    slope = torch.sigmoid(case.share.detach()[:, 0]) - case.label[:, 0]
    weight = torch.tensor(happened * np.minimum(inverse, 15.0)).float()
    assert torch.allclose(case.share.grad[:, 0], weight * slope, atol=1e-5)
    assert len(error) == len(weight)


def test_where_no_label_says_whether_it_was_clicked() -> None:
    case = Case(unknown=True)
    error, entire, happened, inverse = case.arrays()
    known = ~np.isnan(happened)
    weight = np.where(known, happened, 0) * np.minimum(inverse, 15.0)
    wanted = entire + weight * error * len(known) / known.sum()
    losses = case.losses(built(risk="ips"))
    assert np.allclose(losses.detach().numpy(), wanted, rtol=1e-4, atol=1e-5)
    case.happened[:] = NAN
    assert np.allclose(case.losses(built(risk="dr")).detach().numpy(), entire, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("risk", ["ips", "dr"])
def test_it_is_unbiased_where_the_propensity_is_right(risk: str) -> None:
    draw = np.random.default_rng(0)
    rows = 200_000
    x = draw.normal(size=rows)
    click, share = 1.5 * x - 1, x  # who clicks is likelier to buy
    clicked = draw.random(rows) < 1 / (1 + np.exp(-click))
    would_buy = draw.random(rows) < 1 / (1 + np.exp(-share))
    said = np.full(rows, 0.3)  # a constant answer whose true risk is known
    truth = np.mean(np.where(would_buy, np.log1p(np.exp(-said)), np.log1p(np.exp(said))))
    among_clicked = np.mean(np.where(would_buy, np.log1p(np.exp(-said)), np.log1p(np.exp(said)))[clicked])
    relation = built(risk=risk, entire=0.0, clip=1e4)
    if relation.imputation is not None:
        relation.imputation.requires_grad_(False)
    z = torch.tensor(said).float()[:, None]
    condition = torch.tensor(click).float()
    both = head("binary")
    linked = Linked(torch.zeros(rows, 3), z, both.under(z, condition), condition, ())
    told = Told(torch.tensor(would_buy & clicked).float()[:, None], None, torch.tensor(clicked).float())
    found = relation.losses(both, linked, told).double()
    if relation.imputation is not None:
        expected = torch.nn.functional.softplus(relation.imputation(linked.vector)[:, 0]).double()
        error = both.losses(z, told.label, None).double()
        found = found - told.happened / torch.sigmoid(condition.double()) * (error - expected) ** 2
    assert abs(found.mean().item() - truth) < 0.01
    assert abs(among_clicked - truth) > 0.04
