"""Auxiliary gradients brought towards the size of the target task's."""

from collections.abc import Sequence
from typing import Literal, final

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from plait.balance.base import Balancer, BalanceSettings
from plait.balance.gradients.weighting import PerTask
from plait.balance.graph.jacobian import At, Jacobian
from plait.balance.named import numbers_of

__all__ = ["MetaBalance"]


@final
class MetaBalance(PerTask):
    r"""Rescale the gradients of auxiliary tasks towards the magnitude of the target task's.

        m_t <- b m_t + (1 - b) |g_t|,    g_t <- r (m_target / m_t) g_t + (1 - r) g_t    for t other than the target

    and the update is the mean over the tasks. The relax factor r says how strictly: 0 leaves gradients as they are, 1 gives
    all the target's magnitude. `scale: larger` only shrinks those that would drown the target, `smaller` only lifts those
    that would be lost, `both` does both (strategies A, B, C of the paper).

    `at: parameters` is the paper's form: a magnitude per task and parameter tensor. Looked-up embedding rows are others in
    every step; there the magnitude is that of this step. Elsewhere there is one magnitude per task, over all places where
    the tasks part. A step without the target task leaves the gradients as they are.

    Args:
        weights: the recipe's weight of each task.
        names: the tasks.
        settings: target, strictness.

    Raises:
        RecipeError: the target is no task.

    References:
        He et al.: MetaBalance: Improving Multi-Task Recommendations via Adapting Gradient Magnitudes of Auxiliary Tasks,
        WWW 2022, https://doi.org/10.1145/3485447.3512093.

    Relations:
        `gradnorm` and `db_mtl` treat all tasks alike. Prefer this one where one task is what counts and the others are there
        to help it.
    """

    class Settings(BalanceSettings):
        """Auxiliary gradients of the size of the target task's."""

        kind: Literal["metabalance"] = "metabalance"
        target: str | None = None
        """The task that counts; the recipe's first where not said."""
        relax: float = Field(default=0.7, ge=0, le=1)
        """r: how strictly magnitudes are brought to the target's."""
        scale: Literal["larger", "smaller", "both"] = "both"
        """Which auxiliary gradients are rescaled: those larger than the target's, those smaller, or both."""
        momentum: float = Field(default=0.9, ge=0, lt=1)
        """b: share of the old magnitude in the moving average."""
        at: At = "auto"
        """Where gradients are taken: `representation` (where the tasks part; cheap), `parameters` (a pass per task)."""

        def build(self, names: Sequence[str], weights: Sequence[float]) -> Balancer:
            """Build the balancer."""
            return MetaBalance(weights, names, self)

    magnitude: Tensor

    def __init__(self, weights: Sequence[float], names: Sequence[str], settings: Settings) -> None:
        super().__init__(weights, settings.at)
        self._settings = settings
        self._target = 0 if settings.target is None else numbers_of("target", [settings.target], names)[0]
        self.register_buffer("magnitude", torch.full((1, len(names)), float("nan")))

    def begin(self, shared: Sequence[Tensor]) -> None:
        """Lay out a magnitude per task and parameter tensor where that is wanted."""
        if self.at == "parameters":
            self.register_buffer("magnitude", self.magnitude.new_full((len(shared), self.magnitude.shape[1]), float("nan")))

    def move(self, jacobian: Jacobian, shared: Sequence[Tensor]) -> Float[Tensor, "t"]:
        """Rescale, send the mean back and return the factors."""
        tasks = torch.tensor(jacobian.tasks, device=self.magnitude.device)
        if self.at != "parameters":
            lengths = jacobian.gramian().diagonal().sqrt()
            factors = self._factors(lengths, self._follow(0, tasks, lengths), jacobian.tasks) / len(tasks)
            jacobian.send(jacobian.combine(factors), shared)
            return factors
        sums: list[Tensor | None] = []
        every: list[Tensor] = []
        for place in range(len(jacobian.places)):
            rows = [each[place] for each in jacobian.rows]
            lengths = torch.stack([_length(row, self.magnitude) for row in rows])
            smooth = self._follow(place, tasks, lengths) if place < len(self.magnitude) else lengths
            factors = self._factors(lengths, smooth, jacobian.tasks) / len(tasks)
            every.append(factors)
            there = [
                factor.to(row.dtype) * row for factor, row in zip(factors, rows, strict=True) if isinstance(row, Tensor)
            ]
            sums.append(torch.stack(there).sum(0) if there else None)
        jacobian.send(sums, shared)
        return torch.stack(every).mean(0)

    def _follow(self, place: int, tasks: Tensor, lengths: Float[Tensor, "t"]) -> Float[Tensor, "t"]:
        """Move the averages of one place and return them."""
        before = self.magnitude[place, tasks]
        smooth = torch.where(
            before.isnan(), lengths, before * self._settings.momentum + lengths * (1 - self._settings.momentum)
        )
        # A task that does not read the place says nothing about its magnitude there.
        smooth = torch.where(lengths > 0, smooth, before)
        self.magnitude[place, tasks] = smooth
        return smooth

    def _factors(self, lengths: Float[Tensor, "t"], smooth: Float[Tensor, "t"], tasks: Sequence[int]) -> Float[Tensor, "t"]:
        """Return what each task's gradient is multiplied by."""
        plain = torch.where(lengths.isfinite(), 1.0, float("nan"))
        if self._target not in tasks:
            return plain
        target = smooth[list(tasks).index(self._target)]
        ratio = target / smooth
        if self._settings.scale == "larger":
            ratio = ratio.clamp(max=1)
        elif self._settings.scale == "smaller":
            ratio = ratio.clamp(min=1)
        relaxed = self._settings.relax * ratio + (1 - self._settings.relax)
        # Where the target or the task has no gradient there is nothing to compare.
        known = (smooth > 0) & (target > 0) & (lengths > 0)
        return plain * torch.where(known & ratio.isfinite(), relaxed, 1.0)


def _length(row: object, like: Tensor) -> Float[Tensor, ""]:
    return row.float().norm() if isinstance(row, Tensor) else like.new_zeros(())
