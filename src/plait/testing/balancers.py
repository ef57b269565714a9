"""What every balancer must do."""

# ruff: noqa: D102  # The names of the tests are sentences.

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from plait.balance.base import Balancer
from plait.encode.ids import FusedEmbedding
from plait.share.parting import part

__all__ = ["BalancerContract"]


class BalancerContract(ABC):
    """What every balancer must do, on a trunk of one matrix with looked-up rows and a vector per task.

    Attributes:
        symmetric: whether all tasks are alike to it; false where it draws something per task, or one of them leads.
        scale_free: whether multiplying a loss by a number leaves the direction of the shared update as it is.
        falls: whether the sum of the losses must fall in a few steps.
    """

    symmetric: bool = True
    scale_free: bool = False
    falls: bool = True

    @abstractmethod
    def build(self, tasks: int) -> Balancer:
        """Build the balancer under test, all tasks with the weight 1."""

    def made(self, tasks: int, trunk: Sequence[Tensor]) -> Balancer:
        """Build it, and tell it of the parameters; random numbers are always the same from here."""
        balancer = self.build(tasks)
        balancer.begin(trunk[:1])
        torch.manual_seed(1)
        return balancer

    def step(
        self,
        balancer: Balancer,
        trunk: Sequence[Tensor],
        heads: Sequence[Tensor],
        scales: Sequence[float] | None = None,
        which: Sequence[int] | None = None,
    ) -> Float[Tensor, "T"]:
        """Call `backward` with as many draws as it wants."""
        scales = [1.0] * len(heads) if scales is None else scales
        which = range(len(heads)) if which is None else which
        draws = [_losses(trunk, heads, which, scales) for _ in range(balancer.draws)]
        present = torch.tensor([task in which for task in range(len(heads))])
        return self.backward(balancer, draws, present, trunk, [[head] for head in heads])

    def backward(
        self,
        balancer: Balancer,
        draws: Sequence[Float[Tensor, "T"]],
        present: Bool[Tensor, "T"],
        shared: Sequence[Tensor],
        own: Sequence[Sequence[Tensor]],
    ) -> Float[Tensor, "T"]:
        """Call it with losses of one draw, or of several."""
        if balancer.draws == 1:
            return balancer.backward(draws[0], present, shared, own)
        return balancer.backward(torch.stack(list(draws)), present.expand(len(draws), -1), shared, own)

    def test_one_task_is_plain_training(self) -> None:
        trunk, heads = _problem(1)
        plain = torch.autograd.grad(_losses(trunk, heads)[0], [*trunk, heads[0]])
        weights = self.step(self.made(1, trunk), trunk, heads)
        assert weights.shape == (1,)
        assert weights[0] > 0
        for tensor, gradient in zip([*trunk, heads[0]], plain, strict=True):
            assert tensor.grad is not None
            near = torch.nn.functional.cosine_similarity(tensor.grad.flatten(), gradient.flatten(), dim=0)
            assert abs(float(near) - 1) < 1e-4

    def test_the_order_of_tasks_does_not_matter(self) -> None:
        if not self.symmetric:
            return
        found = []
        for order in ([0, 1, 2], [2, 0, 1]):
            trunk, heads = _problem(3)
            balancer = self.made(3, trunk)
            draws = [_losses(trunk, heads, order=order) for _ in range(balancer.draws)]
            own = [[heads[task]] for task in order]
            weights = self.backward(balancer, draws, torch.ones(3, dtype=torch.bool), trunk, own)
            found.append((weights, [tensor.grad for tensor in trunk]))
        assert torch.allclose(found[0][0][[2, 0, 1]], found[1][0], atol=1e-4)
        for one, two in zip(found[0][1], found[1][1], strict=True):
            assert one is not None
            assert two is not None
            assert torch.allclose(one, two, atol=1e-4)

    def test_a_task_that_is_not_present_takes_no_part(self) -> None:
        trunk, heads = _problem(3)
        weights = self.step(self.made(3, trunk), trunk, heads, which=[0, 2])
        assert weights[1] == 0
        assert heads[1].grad is None or not heads[1].grad.any()
        assert weights.isfinite().all()
        assert all(tensor.grad is not None and tensor.grad.isfinite().all() for tensor in trunk)

    def test_no_task_present_moves_nothing(self) -> None:
        trunk, heads = _problem(3)
        balancer = self.made(3, trunk)
        none = torch.zeros(3, dtype=torch.bool)
        weights = self.backward(balancer, [torch.zeros(3)] * balancer.draws, none, trunk, [[head] for head in heads])
        assert not weights.any()
        assert all(tensor.grad is None or not tensor.grad.any() for tensor in [*trunk, *heads])

    def test_a_loss_that_is_not_finite_is_seen(self) -> None:
        for number in ("nan", "inf"):
            trunk, heads = _problem(3)
            try:
                self.step(self.made(3, trunk), trunk, heads, [1.0, float(number), 1.0])
            except (ValueError, ArithmeticError):
                continue
            some = [tensor.grad for tensor in [*trunk, *heads] if tensor.grad is not None]
            assert any(not gradient.isfinite().all() for gradient in some), "it went by in silence"

    def test_a_skipped_step_can_be_taken_back(self) -> None:
        found = []
        for broken in (False, True):
            trunk, heads = _problem(3)
            balancer = self.made(3, trunk)
            balancer.before_step(0.0)
            self.step(balancer, trunk, heads)
            after = _losses(trunk, heads).detach() * 0.9
            balancer.after_step(after.clone)
            balancer.before_step(0.1)
            if broken:
                kept = [buffer.clone() for buffer in balancer.buffers()]
                with suppress(ValueError, ArithmeticError):
                    self.step(balancer, trunk, heads, [1.0, float("nan"), 1.0])
                for buffer, old in zip(balancer.buffers(), kept, strict=True):
                    assert buffer.shape == old.shape, "what is remembered has one shape from `begin` on"
                    buffer.copy_(old)
            for tensor in [*trunk, *heads, *balancer.parameters()]:
                tensor.grad = None
            torch.manual_seed(7)
            weights = self.step(balancer, trunk, heads)
            found.append([weights, *(tensor.grad for tensor in [*trunk, *heads] if tensor.grad is not None)])
        assert len(found[0]) == len(found[1])
        assert all(torch.equal(one, two) for one, two in zip(*found, strict=True)), "the broken step left something behind"

    def test_what_it_knows_survives_a_checkpoint(self) -> None:
        trunk, heads = _problem(3)
        first, second = self.made(3, trunk), self.made(3, trunk)
        for epoch in range(2):
            self.step(first, trunk, heads, which=[0, 2] if epoch else None)
            first.after_step(lambda: _losses(trunk, heads).detach() * 0.9)
            first.after_epoch(torch.tensor([1.0, 2.0 + epoch, 3.0]), torch.tensor([0.1, 0.2, float("nan")]))
        second.load_state_dict({name: tensor.clone() for name, tensor in first.state_dict().items()})
        found = []
        for balancer in (first, second):
            torch.manual_seed(5)
            for tensor in [*trunk, *heads]:
                tensor.grad = None
            balancer.before_step(0.5)
            weights = self.step(balancer, trunk, heads)
            found.append([weights, *(tensor.grad.clone() for tensor in [*trunk, *heads] if tensor.grad is not None)])
        assert len(found[0]) == len(found[1])
        assert all(torch.equal(one, two) for one, two in zip(*found, strict=True)), "resuming is not exact"

    def test_a_task_with_no_gradient_breaks_nothing(self) -> None:
        trunk, heads = _problem(3)
        weights = self.step(self.made(3, trunk), trunk, heads, [1.0, 0.0, 1.0])
        assert weights.isfinite().all()
        assert all(t.grad is None or t.grad.isfinite().all() for t in [*trunk, *heads])
        assert trunk[0].grad is not None
        assert trunk[0].grad.any(), "a task that does not move stopped the others"

    def test_gradients_add_to_what_is_there(self) -> None:
        def run(times: int) -> Tensor:
            trunk, heads = _problem(3)
            for _ in range(times):
                self.step(self.made(3, trunk), trunk, heads)
            gradient = trunk[0].grad
            assert gradient is not None
            return gradient

        assert torch.allclose(run(2), 2 * run(1), rtol=1e-3, atol=1e-5)

    def test_looked_up_rows_under_autocast(self) -> None:
        torch.manual_seed(0)
        table = FusedEmbedding(9, 6)
        body = nn.Linear(6, 4)
        heads = [nn.Linear(4, 1) for _ in range(3)]
        balancer = self.made(3, list(body.parameters()))
        draws = []
        for draw in range(balancer.draws):
            codes = torch.arange(1 + draw, 7 + draw)[:, None]
            with torch.autocast("cpu", torch.bfloat16):
                hidden = part(torch.relu(body(table(codes)[0, :, 0])))
                outputs = [head(hidden).float() for head in heads]
            draws.append(torch.stack([(output - number).square().mean() for number, output in enumerate(outputs)]))
        looked = [rows for _, rows in table.take()]
        shared = [*body.parameters(), *looked]
        own = [list(head.parameters()) for head in heads]
        weights = self.backward(balancer, draws, torch.ones(3, dtype=torch.bool), shared, own)
        assert weights.isfinite().all()
        some = [tensor.grad for tensor in [*shared, *(p for tensors in own for p in tensors)]]
        assert any(gradient is not None and gradient.any() for gradient in some[:2])
        assert all(gradient is None or gradient.isfinite().all() for gradient in some)
        last = looked[-1].grad
        assert last is not None
        assert last.dtype == torch.float32

    def test_tasks_of_several_tables_that_go_through_the_body_apart(self) -> None:
        torch.manual_seed(0)
        body = nn.Linear(6, 4)
        heads = [nn.Linear(4, 1) for _ in range(3)]
        balancer = self.made(3, list(body.parameters()))
        draws = []
        for _ in range(balancer.draws):
            tables = [part(body(torch.randn(5, 6))), part(body(torch.randn(3, 6)))]
            read = [tables[0], tables[1], tables[0]]
            draws.append(torch.stack([head(x).square().mean() + 0.1 for head, x in zip(heads, read, strict=True)]))
        own = [list(head.parameters()) for head in heads]
        weights = self.backward(balancer, draws, torch.ones(3, dtype=torch.bool), list(body.parameters()), own)
        assert weights.isfinite().all()
        assert body.weight.grad is not None
        assert body.weight.grad.isfinite().all()
        assert body.weight.grad.any()

    def test_multiplying_a_loss_does_what_it_says(self) -> None:
        if not self.scale_free:
            return
        found = []
        for scale in (1.0, 20.0):
            trunk, heads = _problem(3)
            self.step(self.made(3, trunk), trunk, heads, [1.0, scale, 1.0])
            assert trunk[0].grad is not None
            found.append(trunk[0].grad.flatten())
        near = torch.nn.functional.cosine_similarity(found[0], found[1], dim=0)
        assert float(near) > 1 - 1e-3

    def test_the_losses_fall(self) -> None:
        if not self.falls:
            return
        trunk, heads = _problem(3)
        balancer = self.made(3, trunk)
        leaves = [*trunk, *heads]
        optimiser = torch.optim.Adam([*leaves, *balancer.parameters()], lr=0.05)
        seen = []
        for step in range(15):
            optimiser.zero_grad()
            balancer.before_step(step / 15)
            self.step(balancer, trunk, heads)
            optimiser.step()
            balancer.after_step(lambda: _losses(trunk, heads).detach())
            seen.append(float(_losses(trunk, heads).detach().sum()))
        assert seen[-1] < 0.9 * seen[0]

    def test_weights_are_for_the_log(self) -> None:
        trunk, heads = _problem(3)
        balancer = self.made(3, trunk)
        weights = self.step(balancer, trunk, heads)
        assert not weights.requires_grad
        balancer.after_step(lambda: torch.zeros(3))


def _problem(tasks: int) -> tuple[list[Tensor], list[nn.Parameter]]:
    """Return the shared leaves (a matrix, looked-up rows) and one vector per task, always the same."""
    generator = torch.Generator().manual_seed(11)
    matrix = nn.Parameter(torch.randn(6, 4, generator=generator))
    rows = torch.randn(5, 6, generator=generator).requires_grad_()
    return [matrix, rows], [nn.Parameter(torch.randn(4, generator=generator)) for _ in range(tasks)]


def _losses(
    trunk: Sequence[Tensor],
    heads: Sequence[Tensor],
    which: Sequence[int] | None = None,
    scales: Sequence[float] | None = None,
    order: Sequence[int] | None = None,
) -> Float[Tensor, "T"]:
    """Return the mean loss of each task, 0 and without gradient for those not asked for, in their order or another."""
    hidden = part(trunk[1] @ trunk[0])
    chosen = range(len(heads)) if which is None else which
    factors = [1.0] * len(heads) if scales is None else scales
    each = [
        (hidden @ head - number).square().mean() * factor if number in chosen else torch.zeros(())
        for number, (head, factor) in enumerate(zip(heads, factors, strict=True))
    ]
    return torch.stack([each[task] for task in (range(len(heads)) if order is None else order)])
