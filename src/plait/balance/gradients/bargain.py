"""Methods in which every task gains alike by some measure: bargaining, fairness, equal projections."""

from collections.abc import Sequence
from typing import Final, Literal, final

import numpy as np
import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from plait.balance.gradients import borrowed
from plait.balance.gradients.weighting import GradientSettings, Stateless, Weighting

__all__ = ["IMTLG", "AlignedMTL", "ConFIG", "FairGrad", "NashMTL"]

_RIDGE: Final = 1e-7
"""Added to the diagonal of the normalised inner products: opposed gradients have no solution without it."""
_STEPS: Final = 100
"""Most Newton steps; ten are usual."""


@final
class NashMTL:
    """Let the tasks bargain: the update is the one at which the product of their gains is largest.

        G a = 1 / a,    gradient = sum_t a_t g_t, shortened to `longest` where it is longer

    A task's gain is its gradient's product with the update; the solution does not change when a loss is multiplied by a
    number. It is found by Newton's method on the convex 1/2 a G a - sum_t log a_t, with G divided by its norm.

    References:
        Navon et al.: Multi-Task Learning as a Bargaining Game, ICML 2022, https://arxiv.org/abs/2202.01017.

    Relations:
        TorchJD, as the authors' code, walks towards the solution in convex steps from the last step's weights, which needs
        two more solvers and a state; here every step is solved, and the answer is the same where theirs has arrived.
        `FairGrad` has this as alpha = 1.
    """

    class Settings(GradientSettings):
        """The Nash bargaining solution."""

        kind: Literal["nash_mtl"] = "nash_mtl"
        longest: float = Field(default=1.0, gt=0)
        """How long the combined gradient may be."""

        def weighting(self, names: Sequence[str]) -> Weighting:
            """Build the weighting."""

            def weigh(gramian: Tensor) -> Tensor:
                norm = torch.linalg.vector_norm(gramian)
                weights = _proportional(gramian / norm, 1.0)
                length = (weights @ gramian @ weights).clamp(min=0).sqrt()
                shorter: Tensor = weights * (self.longest / length.clamp(min=self.longest))
                return shorter

            return Stateless(weigh)


@final
class FairGrad:
    """Share the progress among the tasks by alpha-fairness.

        G a = a^(-1/alpha)

    alpha = 0 is the mean (the best sum), 1 proportional fairness, which is Nash's solution, 2 the least potential delay, and
    large values come near the largest least gain. Solved by Newton's method, where TorchJD asks scipy.

    References:
        Ban, Ji: Fair Resource Allocation in Multi-Task Learning, ICML 2024, https://arxiv.org/abs/2402.15638.
    """

    class Settings(GradientSettings):
        """Progress shared by alpha-fairness."""

        kind: Literal["fairgrad"] = "fairgrad"
        alpha: float = Field(default=1.0, ge=0, le=100)
        """How much more the worst-off task counts."""

        def weighting(self, names: Sequence[str]) -> Weighting:
            """Build the weighting."""
            alpha = self.alpha

            def weigh(gramian: Tensor) -> Tensor:
                if alpha == 0:
                    return torch.full_like(gramian.diagonal(), 1 / len(gramian))
                norm = torch.linalg.vector_norm(gramian)
                weights: Tensor = _proportional(gramian / norm, 1 / alpha) * norm ** (-1 / (1 + 1 / alpha))
                return weights

            return Stateless(weigh)


@final
class IMTLG:
    """Make the update's projection on every task's gradient of one length.

        w = G^+ d / sum(G^+ d),    d_t = |g_t|

    Weights may be negative. Multiplying a loss by a number leaves the direction of the update as it is.

    References:
        Liu et al.: Towards Impartial Multi-task Learning, ICLR 2021, https://openreview.net/forum?id=IMPnRXEWpvr.

    Relations:
        `ConFIG` asks for equal cosines too, and makes the update the longer the better the gradients agree.
    """

    class Settings(GradientSettings):
        """Equal projections on all gradients."""

        kind: Literal["imtl_g"] = "imtl_g"

        def weighting(self, names: Sequence[str]) -> Weighting:
            """Return TorchJD's weighting."""
            return Stateless(borrowed.imtl_g())


@final
class ConFIG:
    """Go where the cosine with every gradient is the same, as far as the gradients say together.

        u = U^+ 1 / |U^+ 1|,  U_t = g_t / |g_t|,    gradient = (sum_t <g_t, u>) u

    Written with inner products alone: U^+ 1 = sum_t (C^+ 1)_t g_t / |g_t| with C the cosines.

    References:
        Liu et al.: ConFIG: Towards Conflict-free Training of Physics Informed Neural Networks, ICLR 2025,
        https://arxiv.org/abs/2408.11104.
    """

    class Settings(GradientSettings):
        """Equal cosines with all gradients."""

        kind: Literal["config"] = "config"

        def weighting(self, names: Sequence[str]) -> Weighting:
            """Build the weighting."""
            return Stateless(_config)


@final
class AlignedMTL:
    """Turn the gradients into a set that is orthogonal and of one length, as near to them as can be, and take the mean.

        B = sqrt(sigma) V L^(-1/2) V',    w = B 1 / T,    with G = V L V'

    sigma is an eigenvalue of G: the smallest that is not 0, the median, or the mean.

    References:
        Senushkin et al.: Independent Component Alignment for Multi-Task Learning, CVPR 2023,
        https://arxiv.org/abs/2305.19000.
    """

    class Settings(GradientSettings):
        """Orthogonal gradients of one length."""

        kind: Literal["aligned_mtl"] = "aligned_mtl"
        scale: Literal["min", "median", "rmse"] = "min"
        """Which eigenvalue gives the common length: the smallest, the median, or the mean."""

        def weighting(self, names: Sequence[str]) -> Weighting:
            """Return TorchJD's weighting."""
            return Stateless(borrowed.aligned_mtl(self.scale))


def _config(gramian: Float[Tensor, "t t"]) -> Float[Tensor, "t"]:
    """Weigh by ConFIG."""
    products = gramian.double()
    lengths = products.diagonal().sqrt()
    cosines = products / torch.outer(lengths, lengths)
    raw = torch.linalg.pinv(cosines, hermitian=True, rtol=1e-6).sum(1) / lengths
    length = (raw @ products @ raw).clamp(min=1e-30).sqrt()
    found: Tensor = raw * (products @ raw).sum() / length.square()
    return found.to(gramian)


def _proportional(gramian: Float[Tensor, "t t"], power: float) -> Float[Tensor, "t"]:
    """Solve G a = a^(-power) for a > 0 by Newton's method on a convex function, kept inside by shortening its steps."""
    products = gramian.detach().cpu().double().numpy()
    products = products + _RIDGE * np.eye(len(products))
    point = np.power(products.diagonal(), -1 / (1 + power))
    for _ in range(_STEPS):
        slope = products @ point - point**-power
        step = np.linalg.solve(products + np.diag(power * point ** (-power - 1)), slope)
        # The decrement measures the way left in the function's own metric; beyond 1 a full step may leave its domain.
        decrement = float(np.sqrt(max(slope @ step, 0.0)))
        size = 1.0 if decrement < 0.25 else 1 / (1 + decrement)
        shrink = float(np.max(step / point))
        size = min(size, 0.9 / shrink) if shrink > 0 else size
        point = point - size * step
        if decrement < 1e-9:
            break
    return torch.from_numpy(point).to(gramian)
