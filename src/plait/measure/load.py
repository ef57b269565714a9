"""How evenly experts are used: load, entropy of gates, experts that are dead and gates that have collapsed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, final

import numpy as np

__all__ = ["COLLAPSED", "DEAD", "Load", "load"]

DEAD: Final = 0.1
"""An expert is dead when every task gives it less than this part of an equal share 1 / E."""
COLLAPSED: Final = 0.9
"""A gate has collapsed when it gives one expert at least this share."""


@final
@dataclass(frozen=True, slots=True)
class Load:
    """The use of the experts of one level.

    Attributes:
        use: mean share of each expert over the tasks.
        variation: coefficient of variation of `use`, its standard deviation over its mean: 0 where all are used alike,
            the square root of E - 1 where one does everything.
        entropy: per task the entropy of its shares over that of equal shares: 1 where it uses all alike, 0 where only one.
        dead: numbers of the experts, from 0, that no task uses.
        collapsed: tasks whose gate has collapsed -> the expert, from 0.
    """

    use: list[float]
    variation: float
    entropy: dict[str, float]
    dead: list[int]
    collapsed: dict[str, int]


def load(shares: Mapping[str, Sequence[float | None]]) -> Load | None:
    r"""Sum up how each task leans on each expert.

    .. math:: H_t = -\frac{1}{\ln E} \sum_e s_{te} \ln s_{te}, \qquad
        u_e = \frac1T \sum_t s_{te}, \qquad cv = \frac{\mathrm{std}_e\, u_e}{\mathrm{mean}_e\, u_e}

    Args:
        shares: task -> mean share s of each expert; tasks with another number of experts than most are left out.

    Returns:
        Nothing where there is no expert to choose between.

    References:
        Shazeer et al.: Outrageously Large Neural Networks, ICLR 2017, https://arxiv.org/abs/1701.06538 (the variation).
    """
    rows = {task: np.array(given, dtype=np.float64) for task, given in shares.items() if None not in given}
    rows = {task: row for task, row in rows.items() if np.isfinite(row).all() and row.sum() > 0}
    widths = [len(row) for row in rows.values()]
    width = max(widths, key=widths.count, default=0)
    rows = {task: row for task, row in rows.items() if len(row) == width}
    if width < 2:
        return None
    table = np.stack(list(rows.values()))
    use = table.mean(axis=0)
    logs = np.log(table, out=np.zeros_like(table), where=table > 0)
    entropy = -(table * logs).sum(axis=1) / np.log(width)
    return Load(
        use=use.tolist(),
        variation=float(use.std() / use.mean()),
        entropy=dict(zip(rows, entropy.tolist(), strict=True)),
        dead=np.flatnonzero((table < DEAD / width).all(axis=0)).tolist(),
        collapsed={task: int(row.argmax()) for task, row in rows.items() if row.max() >= COLLAPSED},
    )
