"""Methods that take out of a task's gradient what hurts another task."""

from collections.abc import Sequence
from typing import Literal, final

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor

from plait.balance.gradients import borrowed
from plait.balance.gradients.weighting import GradientSettings, Stateless, Weighting

__all__ = ["DualProj", "GradVac", "PCGrad", "UPGrad"]


@final
class UPGrad:
    """Project every task's gradient to where it hurts no other, and average.

    With g_t the gradients, the update is sum_t w_t g_t where w comes from projecting each g_t onto the dual cone of all
    rows: along the update no task's loss rises, to first order.

    References:
        Quinton, Rey: Jacobian Descent for Multi-Objective Optimization, 2024, https://arxiv.org/abs/2406.16232.

    Relations:
        `DualProj` projects the mean, so that a small gradient may be lost in a large one.
    """

    class Settings(GradientSettings):
        """No task's loss may rise; each gradient is projected."""

        kind: Literal["upgrad"] = "upgrad"

        def weighting(self, names: Sequence[str]) -> Weighting:
            """Return TorchJD's weighting."""
            return Stateless(borrowed.upgrad())


@final
class DualProj:
    """Project the mean gradient to where it hurts no task.

    The nearest vector to 1/T sum_t g_t whose inner product with every g_t is 0 or more.

    References:
        Lopez-Paz, Ranzato: Gradient Episodic Memory for Continual Learning, NeurIPS 2017, equation 11,
        https://arxiv.org/abs/1706.08840.

    Relations:
        `UPGrad` projects every gradient before the mean is taken.
    """

    class Settings(GradientSettings):
        """No task's loss may rise; the mean is projected."""

        kind: Literal["dual_proj"] = "dual_proj"

        def weighting(self, names: Sequence[str]) -> Weighting:
            """Return TorchJD's weighting."""
            return Stateless(borrowed.dual_proj())


@final
class PCGrad:
    """Take from each gradient, in a random order of the others, its part against any of them, and add up.

        g_t <- g_t - <g_t, g_s> / |g_s|^2 g_s    where <g_t, g_s> < 0

    The order is drawn from torch's global generator, whose state is in checkpoints. What was taken out may come back with a
    later s, so that a loss may rise.

    References:
        Yu et al.: Gradient Surgery for Multi-Task Learning, NeurIPS 2020, https://arxiv.org/abs/2001.06782.

    Relations:
        `UPGrad` keeps what this promises for two tasks only.
    """

    class Settings(GradientSettings):
        """Gradients without the parts against each other, added up."""

        kind: Literal["pcgrad"] = "pcgrad"

        def weighting(self, names: Sequence[str]) -> Weighting:
            """Return TorchJD's weighting."""
            return Stateless(borrowed.pcgrad())


@final
class GradVac(Weighting):
    """Turn gradients towards each other until their cosine is what it usually is.

        where c < u_ts:    g_t <- g_t + |g_t| (u sqrt(1 - c^2) - c sqrt(1 - u^2)) / (|g_s| sqrt(1 - u^2)) g_s
        u_ts <- (1 - beta) u_ts + beta c

    with c the cosine between g_t, as changed so far, and g_s, and u_ts its running mean, 0 at first. The others s come in a
    random order, drawn from torch's global generator. What is known of a pair of tasks stays while one of them is absent.

    Args:
        tasks: T.
        settings: how fast the means follow.

    References:
        Wang et al.: Gradient Vaccine, ICLR 2021, https://arxiv.org/abs/2010.05874.

    Relations:
        `PCGrad` is this with every u at 0: it never asks for more than a right angle.
    """

    class Settings(GradientSettings):
        """Gradients turned towards each other until they agree as usual."""

        kind: Literal["gradvac"] = "gradvac"
        beta: float = Field(default=0.5, ge=0, le=1)
        """How fast the usual cosine follows the last one."""

        def weighting(self, names: Sequence[str]) -> Weighting:
            """Build the weighting."""
            return GradVac(len(names), self)

    usual: Tensor

    def __init__(self, tasks: int, settings: Settings) -> None:
        super().__init__()
        self.beta = settings.beta
        self.register_buffer("usual", torch.zeros(tasks, tasks))

    def forward(self, gramian: Float[Tensor, "t t"], tasks: Int[Tensor, "t"]) -> Float[Tensor, "t"]:
        """Weigh the tasks and remember their cosines."""
        products = gramian.double().cpu()
        usual = self.usual[tasks][:, tasks].double().cpu()
        count = len(products)
        mixed = torch.eye(count, dtype=torch.float64)
        for t in range(count):
            others = [s for s in range(count) if s != t]
            for s in (others[place] for place in torch.randperm(count - 1).tolist()):
                factor, cosine = _turn(mixed[t], products, s, float(usual[t, s]))
                mixed[t, s] += factor
                usual[t, s] = (1 - self.beta) * usual[t, s] + self.beta * cosine
        self.usual[tasks[:, None], tasks[None, :]] = usual.to(self.usual)
        return mixed.sum(0).to(gramian)


def _turn(mixed: Float[Tensor, "t"], products: Float[Tensor, "t t"], s: int, usual: float) -> tuple[float, float]:
    """Return how much of g_s a changed gradient needs for the usual cosine with it, and the cosine it has."""
    with_others = mixed @ products
    length = max(float(with_others @ mixed), 0.0) ** 0.5
    other = max(float(products[s, s]), 0.0) ** 0.5
    cosine = float(with_others[s]) / (length * other + 1e-8)
    if cosine >= usual:
        return 0.0, cosine
    sine, usual_sine = max(1 - cosine**2, 0.0) ** 0.5, max(1 - usual**2, 0.0) ** 0.5
    return length * (usual * sine - cosine * usual_sine) / (other * usual_sine + 1e-8), cosine
