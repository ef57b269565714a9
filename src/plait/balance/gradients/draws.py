"""Methods that compare gradients of independent batches, so that noise does not bias their weights."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Final, Literal, final

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor
from torch.autograd.graph import GradientEdge

from plait.balance.base import Balancer, BalanceSettings
from plait.balance.graph.jacobian import Jacobian
from plait.balance.graph.places import At
from plait.balance.graph.walk import loss_edges
from plait.balance.shares import on_simplex

__all__ = ["MoDo", "SDMGrad"]


class Independent(Balancer):
    """Move weights by the inner products of the gradients of two batches, and train with them on these or on a third.

        A_st = <g_s of the first batch, g_t of the second>

    With one batch E[A] would hold the variance of the gradients too, and tasks with noisy gradients would look important.

    At the representation a gradient is summed over its examples, which makes it that of a constant added there; examples of
    two batches have nothing in common by themselves. What only one task reads gets the mean of its own gradients over the
    batches, divided by the number of tasks present.

    Args:
        weights: the recipe's weight of each task.
        at: where gradients are taken.

    Attributes:
        shares: the weights of all tasks, sum 1, kept from step to step.
    """

    task_weights: Tensor
    shares: Tensor

    def __init__(self, weights: Sequence[float], at: At) -> None:
        super().__init__()
        self.at: Final[At] = at
        self.register_buffer("task_weights", torch.tensor(weights, dtype=torch.float32), persistent=False)
        self.register_buffer("shares", torch.full((len(weights),), 1 / len(weights)))

    @property
    @abstractmethod
    def trained(self) -> Sequence[int]:
        """Return the draws that the model is trained on."""

    @abstractmethod
    def update(self, products: Float[Tensor, "t t"], shares: Float[Tensor, "t"]) -> Float[Tensor, "t"]:
        """Move the weights of the tasks that both batches have."""

    @abstractmethod
    def used(self, shares: Float[Tensor, "t"]) -> Float[Tensor, "t"]:
        """Return what gradients are multiplied by."""

    def backward(
        self,
        losses: Float[Tensor, "draws T"],
        present: Bool[Tensor, "draws T"],
        shared: Sequence[Tensor],
        own: Sequence[Sequence[Tensor]],
    ) -> Float[Tensor, "T"]:
        """Fill `.grad` of everything that led to the losses of the draws it trains on."""
        edges = loss_edges(losses)
        there = [
            [task for task in now.nonzero().flatten().tolist() if edges[draw][task] is not None]
            for draw, now in enumerate(present)
        ]
        taken = [self._take(edges[draw], tasks, len(losses), shared, own) for draw, tasks in enumerate(there)]
        weights = torch.zeros_like(self.task_weights)
        with torch.no_grad():
            self._compare(taken, there)
            for draw in self.trained:
                jacobian = taken[draw]
                if jacobian is None:
                    continue
                numbers = torch.tensor(there[draw], device=weights.device)
                shares = self.shares[numbers]
                chosen = self.used(shares / shares.sum().clamp(min=1e-12))
                jacobian.send(jacobian.combine(chosen * len(losses) / len(self.trained)), shared)
                weights[numbers] += chosen / len(self.trained)
        return weights * self.task_weights

    def _take(
        self,
        edges: Sequence[GradientEdge | None],
        tasks: Sequence[int],
        draws: int,
        shared: Sequence[Tensor],
        own: Sequence[Sequence[Tensor]],
    ) -> Jacobian | None:
        """Take the gradients of one draw, each divided by the number of draws, as what is the tasks' own is to get them."""
        known = [(edge, self.task_weights[task] / draws) for task in tasks if (edge := edges[task]) is not None]
        if not known:
            return None
        return Jacobian.take([edge for edge, _ in known], [scale for _, scale in known], tasks, self.at, shared, own)

    def _compare(self, taken: Sequence[Jacobian | None], there: Sequence[Sequence[int]]) -> None:
        """Move the weights of the tasks that the first two draws have."""
        one, two = taken[0], taken[1]
        both = [task for task in there[0] if task in there[1]]
        if one is None or two is None or len(both) < 2:
            return
        # The rows that one batch looked up are not those of the other.
        leaves = {id(place) for place in one.places} & {id(place) for place in two.places if isinstance(place, Tensor)}
        left = one.pooled(leaves)[[there[0].index(task) for task in both]]
        right = two.pooled(leaves)[[there[1].index(task) for task in both]]
        if left.shape != right.shape:
            return  # One of the batches has tasks that part elsewhere.
        # A task that does not move would be the shortest mixture by itself, and take all.
        moving = (left.any(1) & right.any(1)).nonzero().flatten()
        if len(moving) < 2:
            return
        products = left[moving] @ right[moving].T * len(taken) ** 2
        numbers = torch.tensor(both, device=self.shares.device)[moving]
        before = self.shares[numbers]
        total = before.sum().clamp(min=1e-12)
        self.shares[numbers] = self.update(products, before / total) * total


@final
class MoDo(Independent):
    """Walk towards the weights of the shortest mixture of gradients, one step per step of training.

        l <- project onto the simplex of  l - gamma (A l + rho l)

    then train with l on both batches. A step reads two batches.

    Args:
        weights: the recipe's weight of each task.
        settings: how fast weights move.

    References:
        Chen et al.: Three-Way Trade-Off in Multi-Objective Learning, JMLR 2024, https://arxiv.org/abs/2305.20057.
    """

    draws = 2

    class Settings(BalanceSettings):
        """MGDA's weights, approached with independent batches."""

        kind: Literal["modo"] = "modo"
        at: At = "auto"
        """Where gradients are taken."""
        gamma: float = Field(default=0.1, gt=0)
        """Learning rate of the weights."""
        rho: float = Field(default=0.1, ge=0)
        """How strongly weights are held together."""

        def build(self, names: Sequence[str], weights: Sequence[float]) -> Balancer:
            """Build the balancer."""
            return MoDo(weights, self)

    def __init__(self, weights: Sequence[float], settings: Settings) -> None:
        super().__init__(weights, settings.at)
        self.gamma, self.rho = settings.gamma, settings.rho

    @property
    def trained(self) -> Sequence[int]:
        """Return both."""
        return (0, 1)

    def update(self, products: Float[Tensor, "t t"], shares: Float[Tensor, "t"]) -> Float[Tensor, "t"]:
        """Take one projected step."""
        return on_simplex(shares - self.gamma * (products @ shares + self.rho * shares))

    def used(self, shares: Float[Tensor, "t"]) -> Float[Tensor, "t"]:
        """Return the weights as they are."""
        return shares


@final
class SDMGrad(Independent):
    """Walk towards the shortest mixture, held near the mean gradient.

        w <- project onto the simplex of  w - rate v,  v <- momentum v + A/s (w + pull 1/T),  several times
        gradient = sum_t (w_t + pull / T) / (1 + pull) g_t    of a third batch

    with s the square of the mean length of the gradients, as the authors normalise. A step reads three batches.

    Args:
        weights: the recipe's weight of each task.
        settings: how far weights walk.

    References:
        Xiao, Ban, Ji: Direction-oriented Multi-objective Learning, NeurIPS 2023, https://arxiv.org/abs/2305.18409.
    """

    draws = 3

    class Settings(BalanceSettings):
        """MGDA's weights held near the mean, with independent batches."""

        kind: Literal["sdmgrad"] = "sdmgrad"
        at: At = "auto"
        """Where gradients are taken."""
        rate: float = Field(default=10.0, gt=0)
        """Learning rate of the weights."""
        momentum: float = Field(default=0.5, ge=0, lt=1)
        """Of the weights' steps."""
        steps: int = Field(default=20, ge=1)
        """Steps of the weights per step of training."""
        pull: float = Field(default=0.3, ge=0)
        """How strongly the update is held near the mean gradient."""

        def build(self, names: Sequence[str], weights: Sequence[float]) -> Balancer:
            """Build the balancer."""
            return SDMGrad(weights, self)

    def __init__(self, weights: Sequence[float], settings: Settings) -> None:
        super().__init__(weights, settings.at)
        self.rate, self.momentum, self.steps, self.pull = settings.rate, settings.momentum, settings.steps, settings.pull

    @property
    def trained(self) -> Sequence[int]:
        """Return the third."""
        return (2,)

    def update(self, products: Float[Tensor, "t t"], shares: Float[Tensor, "t"]) -> Float[Tensor, "t"]:
        """Take several projected steps."""
        scale = products.diagonal().clamp(min=0).sqrt().mean()
        products = products / (scale.square() + 1e-8)
        velocity = torch.zeros_like(shares)
        for _ in range(self.steps):
            velocity = self.momentum * velocity + products @ (shares + self.pull / len(shares))
            shares = on_simplex(shares - self.rate * velocity)
        return shares

    def used(self, shares: Float[Tensor, "t"]) -> Float[Tensor, "t"]:
        """Mix the weights with equal ones."""
        return (shares + self.pull / len(shares)) / (1 + self.pull)
