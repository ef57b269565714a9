"""What every balancer must do."""

# ruff: noqa: D102  # The names of the tests are sentences.

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from plait.balance.base import Balancer

__all__ = ["BalancerContract"]


class BalancerContract(ABC):
    """What every balancer must do, on a trunk of one matrix with looked-up rows and a vector per task.

    Attributes:
        symmetric: whether all tasks are alike to it; false where one of them leads.
    """

    symmetric: bool = True

    @abstractmethod
    def build(self, tasks: int) -> Balancer:
        """Build the balancer under test, all tasks with the weight 1."""

    def test_one_task_is_plain_training(self) -> None:
        trunk, heads = _problem(1)
        losses = _losses(trunk, heads)
        plain = torch.autograd.grad(losses[0], [*trunk, heads[0]], retain_graph=True)
        weights = _backward(self.build(1), losses, torch.ones(1, dtype=torch.bool), trunk, [[heads[0]]])
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
            torch.manual_seed(1)
            losses = _losses(trunk, heads)
            losses = torch.stack([losses[task] for task in order])
            own = [[heads[task]] for task in order]
            weights = _backward(self.build(3), losses, torch.ones(3, dtype=torch.bool), trunk, own)
            found.append((weights, [tensor.grad for tensor in trunk]))
        assert torch.allclose(found[0][0][[2, 0, 1]], found[1][0], atol=1e-4)
        for one, two in zip(found[0][1], found[1][1], strict=True):
            assert one is not None
            assert two is not None
            assert torch.allclose(one, two, atol=1e-4)

    def test_a_task_that_is_not_present_takes_no_part(self) -> None:
        trunk, heads = _problem(3)
        present = torch.tensor([True, False, True])
        weights = _backward(self.build(3), _losses(trunk, heads, [0, 2]), present, trunk, [[head] for head in heads])
        assert weights[1] == 0
        assert heads[1].grad is None or not heads[1].grad.any()
        assert weights.isfinite().all()
        assert all(tensor.grad is not None and tensor.grad.isfinite().all() for tensor in trunk)

    def test_no_task_present_moves_nothing(self) -> None:
        trunk, heads = _problem(2)
        weights = _backward(
            self.build(2), torch.zeros(2), torch.zeros(2, dtype=torch.bool), trunk, [[head] for head in heads]
        )
        assert not weights.any()
        assert all(tensor.grad is None or not tensor.grad.any() for tensor in [*trunk, *heads])

    def test_a_loss_that_is_not_finite_is_seen(self) -> None:
        trunk, heads = _problem(2)
        losses = torch.stack([_losses(trunk, heads)[0], _losses(trunk, heads)[1] * float("nan")])
        try:
            _backward(self.build(2), losses, torch.ones(2, dtype=torch.bool), trunk, [[head] for head in heads])
        except (ValueError, ArithmeticError):
            return
        assert any(t.grad is not None and not t.grad.isfinite().all() for t in [*trunk, *heads]), "it went by in silence"

    def test_a_task_with_no_gradient_breaks_nothing(self) -> None:
        trunk, heads = _problem(3)
        losses = _losses(trunk, heads)
        losses = torch.stack([losses[0], losses[1] * 0, losses[2]])
        weights = _backward(self.build(3), losses, torch.ones(3, dtype=torch.bool), trunk, [[head] for head in heads])
        assert weights.isfinite().all()
        assert all(t.grad is None or t.grad.isfinite().all() for t in [*trunk, *heads])

    def test_gradients_add_to_what_is_there(self) -> None:
        def run(times: int) -> Tensor:
            trunk, heads = _problem(2)
            for _ in range(times):
                losses = _losses(trunk, heads)
                # A new one each time: one that remembers would weigh the second look in another way.
                _backward(self.build(2), losses, torch.ones(2, dtype=torch.bool), trunk, [[head] for head in heads])
            gradient = trunk[0].grad
            assert gradient is not None
            return gradient

        assert torch.allclose(run(2), 2 * run(1), rtol=1e-3, atol=1e-5)

    def test_weights_are_for_the_log(self) -> None:
        trunk, heads = _problem(2)
        balancer = self.build(2)
        weights = _backward(balancer, _losses(trunk, heads), torch.ones(2, dtype=torch.bool), trunk, [[h] for h in heads])
        assert not weights.requires_grad
        balancer.after_step(lambda: torch.zeros(2))


def _backward(
    balancer: Balancer,
    losses: Float[Tensor, "T"],
    present: Bool[Tensor, "T"],
    trunk: Sequence[Tensor],
    own: Sequence[Sequence[Tensor]],
) -> Float[Tensor, "T"]:
    """Begin, and run backward once; where several draws are wanted all are the same."""
    balancer.begin([tensor for tensor in trunk if isinstance(tensor, nn.Parameter)])
    if balancer.draws == 1:
        return balancer.backward(losses, present, trunk, own)
    draws = balancer.draws
    return balancer.backward(torch.stack([losses] * draws), present.expand(draws, -1), trunk, own)


def _problem(tasks: int) -> tuple[list[Tensor], list[nn.Parameter]]:
    """Return the shared leaves (a matrix, looked-up rows) and one vector per task, always the same."""
    generator = torch.Generator().manual_seed(11)
    matrix = nn.Parameter(torch.randn(6, 4, generator=generator))
    rows = torch.randn(5, 6, generator=generator).requires_grad_()
    return [matrix, rows], [nn.Parameter(torch.randn(4, generator=generator)) for _ in range(tasks)]


def _losses(trunk: Sequence[Tensor], heads: Sequence[Tensor], which: Sequence[int] | None = None) -> Float[Tensor, "T"]:
    """Return the mean loss of each task, 0 and without gradient for those not asked for."""
    hidden = trunk[1] @ trunk[0]
    chosen = range(len(heads)) if which is None else which
    return torch.stack(
        [
            (hidden @ head - number).square().mean() if number in chosen else torch.zeros(())
            for number, head in enumerate(heads)
        ]
    )
