"""Methods that take out of the update what hurts another task."""

from collections.abc import Sequence
from typing import Literal, final

from plait.balance import borrowed
from plait.balance.gradients import GradientSettings, Stateless, Weighting

__all__ = ["UPGrad"]


@final
class UPGrad:
    """Project every task's gradient to where it hurts no other, and average.

    With g_t the gradients, the update is sum_t w_t g_t where w comes from projecting each g_t onto the dual cone of all
    rows: along the update no task's loss rises, to first order.

    References:
        Quinton, Rey: Jacobian Descent for Multi-Objective Optimization, 2024, https://arxiv.org/abs/2406.16232.
    """

    class Settings(GradientSettings):
        """No task's loss may rise."""

        kind: Literal["upgrad"] = "upgrad"

        def weighting(self, names: Sequence[str]) -> Weighting:
            """Return TorchJD's weighting."""
            return Stateless(borrowed.upgrad())
