"""Methods that look at the gradient of every task: from inner products to weights."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge

from plait.balance.base import Balancer, BalanceSettings
from plait.balance.graph.jacobian import At, Jacobian
from plait.balance.graph.walk import loss_edges

__all__ = ["GradientSettings", "Gradients", "PerTask", "Stateless", "Weighting"]


class Weighting(nn.Module, ABC):
    """From the inner products of the tasks' gradients to their weights.

    What it remembers are buffers laid out for all tasks of the recipe when it is built: a step may show it any of them.
    """

    def hear(self, losses: Float[Tensor, "T"], present: Bool[Tensor, "T"]) -> None:
        """Look at the losses of a step before it is asked; nothing by default.

        Args:
            losses: those of all tasks, times the recipe's weights, without gradient.
            present: which of them are there.
        """

    @abstractmethod
    def forward(self, gramian: Float[Tensor, "t t"], tasks: Int[Tensor, "t"]) -> Float[Tensor, "t"]:
        """Weigh the tasks of a step.

        Args:
            gramian: G_st = <g_s, g_t>, finite, with no zero on its diagonal.
            tasks: the numbers of these tasks, ascending; at least two.
        """

    def __call__(self, gramian: Float[Tensor, "t t"], tasks: Int[Tensor, "t"]) -> Float[Tensor, "t"]:
        """Call `forward`; declared again so that a caller gets checked types."""
        return super().__call__(gramian, tasks)  # type: ignore[no-any-return]


@final
class Stateless(Weighting):
    """A function of the Gramian alone, such as most of TorchJD's weightings.

    Args:
        function: from the Gramian to the weights.
    """

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, gramian: Float[Tensor, "t t"], tasks: Int[Tensor, "t"]) -> Float[Tensor, "t"]:
        """Call the function."""
        return self.function(gramian)


class PerTask(Balancer):
    """What all methods that look at every task's gradient have in common: which tasks take part, and the way back.

    A task that is not present or has no gradient takes no part. One task alone is trained plainly. What only one task reads
    gets its own task's gradient, divided by the number of tasks present.

    Args:
        weights: the recipe's weight of each task, which multiplies its loss.
        at: where gradients are taken.
    """

    task_weights: Tensor

    def __init__(self, weights: Sequence[float], at: At) -> None:
        super().__init__()
        self.at = at
        self.register_buffer("task_weights", torch.tensor(weights, dtype=torch.float32), persistent=False)

    def hear(self, losses: Float[Tensor, "T"], present: Bool[Tensor, "T"]) -> None:
        """Look at the losses of a step before any gradient is taken; nothing by default.

        Args:
            losses: those of all tasks, times the recipe's weights, without gradient.
            present: which of them are there.
        """

    def place(self, edges: Sequence[GradientEdge]) -> At:
        """Say where the gradients of these losses are taken; where the recipe says by default."""
        return self.at

    @abstractmethod
    def move(self, jacobian: Jacobian, shared: Sequence[Tensor]) -> Float[Tensor, "t"]:
        """Send a vector back to the shared leaves and return the weights of the jacobian's tasks, for the log."""

    def backward(
        self,
        losses: Float[Tensor, "T"],
        present: Bool[Tensor, "T"],
        shared: Sequence[Tensor],
        own: Sequence[Sequence[Tensor]],
    ) -> Float[Tensor, "T"]:
        """Fill `.grad` of the shared tensors with what the method makes of all gradients and of the own ones with theirs."""
        edges = loss_edges(losses)[0]
        there = [(task, edge) for task in present.nonzero().flatten().tolist() if (edge := edges[task]) is not None]
        if not there:
            return torch.zeros_like(losses)
        tasks = [task for task, _ in there]
        self.hear(losses.detach() * self.task_weights, present)
        if len(tasks) == 1:
            torch.autograd.backward([there[0][1]], [self.task_weights[tasks[0]]])
            chosen = torch.ones(1, device=losses.device)
        else:
            roots = [edge for _, edge in there]
            scales = [self.task_weights[task] for task in tasks]
            jacobian = Jacobian.take(roots, scales, tasks, self.place(roots), shared, own)
            with torch.no_grad():
                chosen = self.move(jacobian, shared)
        weights = torch.zeros_like(losses).index_copy(0, torch.tensor(tasks, device=losses.device), chosen.to(losses.dtype))
        return weights * self.task_weights


@final
class Gradients(PerTask):
    """Weigh tasks by the inner products of their gradients.

        G_st = <g_s, g_t>,    w = weighting(G),    gradient of the shared part = sum_t w_t g_t

    with g_t the gradient of task t's loss, times the recipe's weight of the task. Tasks whose gradient is zero get weight
    0 and are not shown to the weighting: several weightings would answer with no update at all. A gradient that is not
    finite makes all weights, and so all gradients, not finite: the step is seen to be broken and skipped.

    At the parameters g_t is taken with respect to all shared leaves: the parameters, and the looked-up rows of the
    embeddings (each distinct code once, so that inner products are those of the embedding table's own gradients). That
    costs one backward pass through everything per task. At the representation z (what the body has marked as the place
    where tasks part) it costs one pass through the towers per task, and one through the rest: along any weights
    |sum_t w_t dL_t/dtheta|^2 <= |dz/dtheta|^2 |sum_t w_t dL_t/dz|^2, so that a small update at z is one at the parameters
    too, while angles may differ.

    Args:
        weights: the recipe's weight of each task.
        weighting: the method.
        at: where gradients are taken.

    References:
        Sener, Koltun: Multi-Task Learning as Multi-Objective Optimization, NeurIPS 2018, section 3.3 (the bound),
        https://arxiv.org/abs/1810.04650.

    Relations:
        `Average` and `Uncertainty` run one backward pass; prefer them until tasks are seen to hurt each other.
    """

    def __init__(self, weights: Sequence[float], weighting: Weighting, at: At) -> None:
        super().__init__(weights, at)
        self.weighting = weighting

    def hear(self, losses: Float[Tensor, "T"], present: Bool[Tensor, "T"]) -> None:
        """Let the weighting look at the losses."""
        self.weighting.hear(losses, present)

    def move(self, jacobian: Jacobian, shared: Sequence[Tensor]) -> Float[Tensor, "t"]:
        """Weigh the tasks and send the weighted sum back."""
        weights = self._weigh(jacobian.gramian(), jacobian.tasks)
        jacobian.send(jacobian.combine(weights), shared)
        return weights

    def _weigh(self, gramian: Float[Tensor, "t t"], tasks: Sequence[int]) -> Float[Tensor, "t"]:
        """Weigh the tasks whose gradient is not zero."""
        lengths = gramian.diagonal()
        if not bool(gramian.isfinite().all()):
            return torch.full_like(lengths, float("nan"))
        moving = (lengths > 0).nonzero().flatten()
        weights = torch.zeros_like(lengths)
        if len(moving) < 2:
            return weights.index_fill(0, moving, 1.0)
        numbers = torch.tensor(tasks, device=gramian.device)[moving]
        found = self.weighting(gramian[moving][:, moving], numbers)
        return weights.index_copy(0, moving, found.to(weights.dtype))


class GradientSettings(BalanceSettings):
    """The base of the settings of methods that weigh by inner products."""

    at: At = "auto"
    """Where gradients are taken: `representation` (where the tasks part; cheap), `parameters` (exact; a pass per task)."""

    @abstractmethod
    def weighting(self, names: Sequence[str]) -> Weighting:
        """Build the weighting for these tasks."""

    def build(self, names: Sequence[str], weights: Sequence[float]) -> Balancer:
        """Build the balancer."""
        return Gradients(weights, self.weighting(names), self.at)
