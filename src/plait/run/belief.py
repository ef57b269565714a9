"""What a run's predictions say of how sure they are, for every kind of task that says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, final

import numpy as np

from plait.errors import RecipeError
from plait.measure.uncertainty import Doubt, spread, surprise, uncertainty
from plait.run.pool import Pool
from plait.tasks.base import Head

if TYPE_CHECKING:
    from plait.run.run import Run

__all__ = ["Belief", "belief_of", "says_doubt"]

_SAYS: Final = {"binary": "classes", "multiclass": "classes", "ordinal": "classes", "multilabel": "several"}


@final
@dataclass(frozen=True, slots=True)
class Belief:
    """Predictions of one task that say how sure they are.

    Attributes:
        values: `[N, P]`, chances or quantiles.
        names: of the P.
        says: `classes`, one of which is right; `several` questions; or `quantiles`.
        unit: of quantiles.
    """

    values: np.ndarray
    names: list[str]
    says: Literal["classes", "several", "quantiles"]
    unit: float

    def doubt(self, by: Doubt) -> np.ndarray:
        """Return how unsure each prediction is; of quantiles, how far apart they lie, whatever `by` says."""
        if self.says == "quantiles":
            return spread(self.values, self.unit)
        return uncertainty(self.values, by, self.says == "several")

    def pulls(self) -> np.ndarray:
        """Return how the label may pull at the outputs; of quantiles, in proportion to how far apart they lie."""
        if self.says == "quantiles":
            return spread(self.values, self.unit)[:, None]
        return surprise(self.values, self.says == "several")

    def words(self, row: int) -> str:
        """Say what is predicted for a row, as far as it matters here."""
        values = self.values[row]
        if self.says == "quantiles":
            return f"between {values[0]:.4g} and {values[-1]:.4g} ({self.names[0]} to {self.names[-1]})"
        if len(values) == 1:
            return f"probability {values[0]:.3f}"
        order = np.argsort(np.abs(values - 0.5) if self.says == "several" else -values, kind="stable")[:2]
        return ", ".join(f"`{self.names[place]}` {values[place]:.3f}" for place in order)


def says_doubt(run: Run, task: str) -> None:
    """Make sure that predictions of a task say how sure they are.

    Raises:
        RecipeError: they do not; the text says why, and what to do.
    """
    kind, head = run.layout.tasks[task].kind, run.model.head(task)
    if kind in _SAYS or (isinstance(head, Head) and len(head.levels) > 1):
        return
    instead = " or give the task `loss: {kind: quantile, levels: [0.1, 0.5, 0.9]}`" if kind == "regression" else ""
    raise RecipeError(
        f"`--by` should be diverse for task `{task}`, because a prediction of kind {kind} is a value without a spread or a "
        f"place in a list, which does not say how sure it is. Choose `--by diverse`{instead}."
    )


def belief_of(run: Run, task: str, pool: Pool) -> Belief:
    """Predict a task for a pool of rows; `says_doubt` has made sure that it may be asked."""
    head, layout = run.model.head(task), run.layout.tasks[task]
    assert isinstance(head, Head)
    values = run.scorer.outputs(pool.table, pool.rows, [task], pool.columns)[task].numpy().astype(np.float64)
    names = list(head.columns)
    if layout.kind in _SAYS:
        return Belief(values, names, "several" if layout.kind == "multilabel" else "classes", 1.0)
    return Belief(values[:, 1:], names[1:], "quantiles", layout.std)
