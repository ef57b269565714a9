"""Gradients followed over the steps, so that the weights do not follow the noise of a batch."""

from collections.abc import Sequence
from typing import Literal, final

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.autograd.graph import GradientEdge

from plait.balance.base import Balancer, BalanceSettings
from plait.balance.gradients.weighting import PerTask
from plait.balance.graph.jacobian import At, Jacobian
from plait.balance.graph.sketch import SLOTS, place_for, sketch
from plait.balance.shares import on_simplex

__all__ = ["MoCo"]


@final
class MoCo(PerTask):
    r"""Find the direction that lowers all losses from gradients that are followed over the steps.

        y_t <- y_t - b_k (y_t - g_t),    lambda <- P(lambda - c_k (Y Y' + rho I) lambda),    update = sum of lambda_t y_t

    with P the projection onto the simplex, b_k = beta / k^(1/2) and c_k = gamma / k^(1/2) at step k, or constant for
    `decay: false`. Weights found from the gradients of one batch are biased, since noise is squared in their inner products;
    y tends to the gradient of all data.

    Y Y' is divided by the mean of its diagonal, so that gamma does not depend on the size of the losses (`relative: false`
    is the paper's form).

    `at: parameters` is the paper's form: y_t at every shared parameter, so a copy of them per task, and the update is made
    of them. Looked-up embedding rows are others in every step: there, g_t stands for y_t, and they say nothing about lambda.
    Elsewhere y_t is a short sketch of the gradients where the tasks part, over the examples (`plait.balance.graph.sketch`);
    lambda is found from it, and the update is the sum of lambda_t g_t of this step.

    Tasks that are not present keep y_t and their part of the simplex; y_t begins as the first gradient.

    Args:
        weights: the recipe's weight of each task.
        settings: the rates.

    References:
        Fernando et al.: Mitigating Gradient Bias in Multi-objective Learning: A Provably Convergent Approach, ICLR 2023,
        https://openreview.net/forum?id=dLAYGdKTi2.

    Relations:
        `mgda` solves for lambda in each step from that step's batch alone.
    """

    class Settings(BalanceSettings):
        """A common descent direction from gradients followed over the steps."""

        kind: Literal["moco"] = "moco"
        beta: float = Field(default=0.5, gt=0, le=1)
        """How fast y follows the gradients."""
        gamma: float = Field(default=0.1, gt=0)
        """How fast lambda moves."""
        rho: float = Field(default=0.0, ge=0)
        """The larger, the nearer lambda stays to equal weights."""
        decay: bool = True
        """Whether both rates fall with the root of the steps."""
        relative: bool = True
        """Whether inner products are divided by the mean of the squared lengths."""
        at: At = "auto"
        """Where gradients are taken: `representation` (where the tasks part; cheap), `parameters` (a pass per task)."""

        def build(self, names: Sequence[str], weights: Sequence[float]) -> Balancer:
            """Build the balancer."""
            return MoCo(weights, self)

    share: Tensor
    steps: Tensor
    looks: Tensor
    followed: Tensor

    def __init__(self, weights: Sequence[float], settings: Settings) -> None:
        super().__init__(weights, settings.at)
        self._settings = settings
        self._leaves: list[Tensor] = []
        self._names: list[str] = []
        self._begun = False
        tasks = len(weights)
        self.register_buffer("share", torch.full((tasks,), 1 / tasks))
        self.register_buffer("steps", torch.zeros(()))
        self.register_buffer("looks", torch.zeros(tasks))
        if settings.at != "parameters":
            self.register_buffer("followed", torch.zeros(tasks, SLOTS))

    def begin(self, shared: Sequence[Tensor]) -> None:
        """Lay out y at the parameters where it is wanted."""
        self._leaves, self._begun = list(shared), True
        if self.at == "parameters":
            self._names = [f"followed_{place}" for place in range(len(shared))]
            for name, tensor in zip(self._names, shared, strict=True):
                self.register_buffer(name, torch.zeros(len(self.share), *tensor.shape, device=tensor.device))

    def place(self, edges: Sequence[GradientEdge]) -> At:
        """Take gradients that can be sketched."""
        return place_for(self.at, edges)

    def move(self, jacobian: Jacobian, shared: Sequence[Tensor]) -> Float[Tensor, "t"]:
        """Follow the gradients, move lambda, and send the combination back."""
        tasks = torch.tensor(jacobian.tasks, device=self.share.device)
        self.steps += 1
        self.looks[tasks] += 1
        pace = self.steps.sqrt() if self._settings.decay else torch.ones_like(self.steps)
        # At its first look a task's gradient is all that is known.
        rates = torch.where(self.looks[tasks] > 1, self._settings.beta / pace, 1.0)
        if self.at == "parameters":
            return self._at_parameters(jacobian, shared, tasks, rates, pace)
        found = sketch(jacobian, self._leaves if self._begun else shared).to(self.followed.device)
        followed = self.followed[tasks].lerp(found, rates[:, None])
        self.followed[tasks] = followed
        chosen = self._choose(followed @ followed.T, tasks, pace)
        jacobian.send(jacobian.combine(chosen), shared)
        return chosen

    def _at_parameters(
        self, jacobian: Jacobian, shared: Sequence[Tensor], tasks: Tensor, rates: Float[Tensor, "t"], pace: Float[Tensor, ""]
    ) -> Float[Tensor, "t"]:
        """Follow the gradients at the parameters and make the update of what is followed."""
        products = rates.new_zeros(len(tasks), len(tasks))
        followed = [self.get_buffer(name) for name in self._names]
        for place, y in enumerate(followed):
            for line, task in enumerate(jacobian.tasks):
                row = jacobian.rows[line][place]
                y[task].lerp_(row.to(y.dtype) if isinstance(row, Tensor) else torch.zeros_like(y[task]), rates[line])
            flat = y[tasks].flatten(1).float()
            products += flat @ flat.T
        chosen = self._choose(products, tasks, pace)
        sums = jacobian.combine(chosen)
        for place, y in enumerate(followed):
            sums[place] = torch.tensordot(chosen.to(y.dtype), y[tasks], dims=1)
        jacobian.send(sums, shared)
        return chosen

    def _choose(self, products: Float[Tensor, "t t"], tasks: Tensor, pace: Float[Tensor, ""]) -> Float[Tensor, "t"]:
        """Move the present tasks' part of lambda and return it, of sum 1."""
        if self._settings.relative:
            products = products / products.diagonal().mean().clamp(min=1e-30)
        share = self.share[tasks]
        mass = share.sum()
        inside = torch.where(mass > 0, share / mass.clamp(min=1e-30), 1 / len(tasks))
        regular = products + self._settings.rho * torch.eye(len(tasks), device=products.device)
        moved = on_simplex(inside - self._settings.gamma / pace * (regular @ inside))
        self.share[tasks] = moved * mass
        return moved
