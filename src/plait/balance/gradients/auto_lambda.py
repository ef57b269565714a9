"""Weights learned from what a step for one task does to other examples of the tasks that count."""

from collections.abc import Sequence
from typing import Literal, final

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor
from torch.autograd.graph import GradientEdge

from plait.balance.adam import TaskAdam
from plait.balance.base import Balancer, BalanceSettings
from plait.balance.graph.jacobian import At, Jacobian
from plait.balance.graph.sketch import place_for, sketch
from plait.balance.graph.walk import loss_edges
from plait.balance.named import numbers_of
from plait.balance.shares import shares

__all__ = ["AutoLambda"]


@final
class AutoLambda(Balancer):
    r"""Learn each task's weight by whether a step for it lowers the primary tasks' losses on other examples.

    The weights lambda solve, one step at a time, the two-level problem

        min over lambda of  sum over primary p of L_p(theta*; B'),
        theta* = theta - eta sum over t of lambda_t dL_t(theta; B)

    with B a batch and B' an independent second one. To first order in eta the derivative is

        d/dlambda_t = -eta <sum over p of dL_p(B'), dL_t(B)>

    and lambda follows it by Adam, for which the factor eta drops out. Tasks that are not primary stay while they help.
    lambda is never below `floor`, and is divided by its mean; the loss is the mean of lambda_t L_t over the tasks present.

    Every `every` steps lambda moves; in these the second batch only judges. In the others it is trained on too, so that most
    of the data is.

    Inner products are taken between sketches of the gradients where the tasks part (`plait.balance.graph.sketch`), since
    the two batches have no example in common; at `parameters`, and where nothing is marked, of those at the shared
    parameters. Looked-up embedding rows take no part in them.

    Args:
        weights: the recipe's weight of each task.
        names: the tasks.
        settings: primary tasks, rates.

    Raises:
        RecipeError: a primary task is no task.

    References:
        Liu et al.: Auto-Lambda: Disentangling Dynamic Task Relationships, TMLR 2022, https://arxiv.org/abs/2202.03091. There
        the products come from two more passes at shifted parameters, which bf16 rounds away, and the validation gradient is
        taken after the step, a difference of second order in eta.

    Relations:
        `metabalance` has a target task too and looks at lengths only. `validation` follows the metric in place of the loss.
    """

    class Settings(BalanceSettings):
        """Weights learned by what a step for a task does to the primary tasks on a second batch."""

        kind: Literal["auto_lambda"] = "auto_lambda"
        primary: list[str] = Field(default_factory=list)
        """The tasks that count; all where not said."""
        learning_rate: float = Field(default=0.01, gt=0)
        """Of the weights (Adam); 0.01 moves a weight of 1 by at most about 1 % each time."""
        every: int = Field(default=4, ge=1)
        """Steps between two moves of the weights."""
        floor: float = Field(default=0.01, ge=0, lt=1)
        """The least a weight can become, before it is divided by the mean."""
        at: At = "auto"
        """Where gradients are compared: `representation` (where the tasks part; cheap), `parameters` (a pass per task)."""

        def build(self, names: Sequence[str], weights: Sequence[float]) -> Balancer:
            """Build the balancer."""
            return AutoLambda(weights, names, self)

    draws = 2
    task_weights: Tensor
    current: Tensor
    steps: Tensor

    def __init__(self, weights: Sequence[float], names: Sequence[str], settings: Settings) -> None:
        super().__init__()
        self._settings = settings
        primary = numbers_of("primary", settings.primary, names) or range(len(names))
        self._primary = set(primary)
        self._leaves: list[Tensor] | None = None
        self._step: int | None = None
        self._judging = True
        self.adam = TaskAdam(len(names), settings.learning_rate)
        self.register_buffer("task_weights", torch.tensor(weights, dtype=torch.float32), persistent=False)
        self.register_buffer("current", torch.ones(len(names)))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def begin(self, shared: Sequence[Tensor]) -> None:
        """Remember which leaves are parameters."""
        self._leaves = list(shared)

    def before_step(self, done: float) -> None:
        """Count, and say whether lambda moves in this step."""
        if self._step is None:  # the buffer may have come out of a checkpoint
            self._step = int(self.steps)
        self._judging = self._step % self._settings.every == 0
        self._step += 1
        self.steps += 1

    def backward(
        self,
        losses: Float[Tensor, "draws T"],
        present: Bool[Tensor, "draws T"],
        shared: Sequence[Tensor],
        own: Sequence[Sequence[Tensor]],
    ) -> Float[Tensor, "T"]:
        """Train with the weights as they are, then move them where it is time to."""
        if self._judging:
            self._move(losses, present, shared, own)
        used = losses[:1] if self._judging else losses
        there = present[: len(used)]
        weights = torch.stack([shares(self.current, each) * self.task_weights for each in there]) / len(used)
        total = (weights * used).sum()
        if total.requires_grad:
            total.backward()  # type: ignore[no-untyped-call]
        return weights.sum(0).detach()

    def _move(
        self, losses: Float[Tensor, "draws T"], present: Bool[Tensor, "draws T"], shared: Sequence[Tensor],
        own: Sequence[Sequence[Tensor]],
    ) -> None:  # fmt: skip
        """Move the weights along the derivative."""
        edges = loss_edges(losses)
        train = [t for t in present[0].nonzero().flatten().tolist() if edges[0][t] is not None]
        judges = [t for t in present[1].nonzero().flatten().tolist() if edges[1][t] is not None and t in self._primary]
        if not train or not judges:
            return
        steps = self._sketches([e for t in train if (e := edges[0][t]) is not None], train, shared, own)
        goal = self._sketches([e for t in judges if (e := edges[1][t]) is not None], judges, shared, own).sum(0)
        numbers = torch.tensor(train, device=losses.device)
        gradient = torch.zeros_like(self.current).index_copy(0, numbers, -(steps @ goal))
        moving = torch.zeros_like(present[0]).index_fill(0, numbers, True)
        moved = (self.current - self.adam(gradient, moving)).clamp(min=self._settings.floor)
        self.current.copy_(moved * len(moved) / moved.sum())

    def _sketches(
        self,
        edges: Sequence[GradientEdge],
        tasks: Sequence[int],
        shared: Sequence[Tensor],
        own: Sequence[Sequence[Tensor]],
    ) -> Float[Tensor, "t n"]:
        """Return the sketches of some tasks; what is a task's own keeps its gradient."""
        mine = [tensor for tensors in own for tensor in tensors]
        before = [tensor.grad for tensor in mine]
        for tensor in mine:
            tensor.grad = None
        scales = [self.task_weights[task] for task in tasks]
        with torch.no_grad():
            found = sketch(
                Jacobian.take(edges, scales, tasks, place_for(self._settings.at, edges), shared, own),
                shared if self._leaves is None else self._leaves,
            )
        for tensor, gradient in zip(mine, before, strict=True):
            tensor.grad = gradient
        return found.to(self.current.device)
