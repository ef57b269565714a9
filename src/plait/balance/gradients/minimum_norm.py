"""Methods that look for a direction in which every loss falls, among the mixtures of the gradients."""

from collections.abc import Sequence
from typing import Literal, final

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from plait.balance.gradients import borrowed
from plait.balance.gradients.weighting import GradientSettings, Stateless, Weighting

__all__ = ["MGDA", "CAGrad"]

_SHORT = 1e-4
"""Of gradients normalised together: a mixture as short as that says that no direction serves every task."""


@final
class MGDA:
    """Take the shortest mixture of the gradients: along it every loss falls, until none can without another's rising.

        min |sum_t w_t g_t|    over w >= 0, sum w = 1

    Small gradients get the large weights. Solved by Frank and Wolfe's steps.

    References:
        Désidéri: Multiple-gradient descent algorithm, 2012, https://doi.org/10.1016/j.crma.2012.03.014; Sener, Koltun:
        Multi-Task Learning as Multi-Objective Optimization, NeurIPS 2018, https://arxiv.org/abs/1810.04650.

    Relations:
        `CAGrad` stays near the mean gradient; prefer it where one task's gradient is far smaller than the others'.
    """

    class Settings(GradientSettings):
        """The shortest mixture of the gradients."""

        kind: Literal["mgda"] = "mgda"

        def weighting(self, names: Sequence[str]) -> Weighting:
            """Return TorchJD's weighting."""
            return Stateless(borrowed.mgda())


@final
class CAGrad:
    """Help the worst-off task as much as can be within a ball around the mean gradient g_0.

        max_d min_t <g_t, d>    so that |d - g_0| <= c |g_0|

    by its dual: min over w >= 0, sum w = 1 of <g_w, g_0> + c |g_0| |g_w| with g_w = sum_t w_t g_t; then
    d = g_0 + c |g_0| / |g_w| g_w. c = 0 is the mean; with c of 1 or more it tends to MGDA. Where g_w is as good as 0 there
    is nothing that helps every task, and the update is 0.

    References:
        Liu et al.: Conflict-Averse Gradient Descent for Multi-task Learning, NeurIPS 2021,
        https://arxiv.org/abs/2110.14048.

    Relations:
        The authors' code and this solve the dual by sequential quadratic programmes; TorchJD by a cone programme, which
        takes solvers of 230 MB and gives the same weights.
    """

    class Settings(GradientSettings):
        """The mean gradient, bent towards the worst-off task."""

        kind: Literal["cagrad"] = "cagrad"
        c: float = Field(default=0.4, ge=0)
        """How far from the mean gradient the update may go, as share of its length."""

        def weighting(self, names: Sequence[str]) -> Weighting:
            """Build the weighting."""
            c = self.c
            return Stateless(lambda gramian: _cagrad(gramian, c))


def _cagrad(gramian: Tensor, c: float) -> Tensor:
    """Solve the dual, of gradients normalised together."""
    from scipy.optimize import minimize

    products = gramian.detach().cpu().double().numpy()
    products = products / np.trace(products)
    count = len(products)
    with_mean = products.mean(axis=1)
    radius = c * float(np.sqrt(max(with_mean.mean(), 0.0)))

    def value(w: np.ndarray) -> tuple[float, np.ndarray]:
        mixed = products @ w
        length = float(np.sqrt(max(w @ mixed, 0.0) + 1e-16))
        return float(w @ with_mean) + radius * length, with_mean + radius * mixed / length

    start = np.full(count, 1 / count)
    simplex = {"type": "eq", "fun": lambda w: w.sum() - 1, "jac": lambda w: np.ones_like(w)}
    options = {"ftol": 1e-12, "maxiter": 100}
    found = minimize(
        value, start, jac=True, bounds=[(0.0, 1.0)] * count, constraints=simplex, method="SLSQP", options=options
    ).x
    length = float(np.sqrt(max(found @ products @ found, 0.0)))
    weights = np.zeros(count) if length < _SHORT else 1 / count + radius / length * found
    return torch.from_numpy(weights).to(gramian)
