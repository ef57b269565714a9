"""Made-up shops in which it is known how two tasks relate: alike, strangers, or pulling apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["RELATIONS", "Relation", "synthetic_recipe", "write_synthetic"]

Relation = Literal["aligned", "unrelated", "conflicting"]
RELATIONS: Final[tuple[Relation, ...]] = get_args(Relation)

_USERS: Final = 300
_ITEMS: Final = 200
_NUMBERS: Final = 12
_TASTE: Final = 6


def write_synthetic(path: Path, relation: Relation, rows: int, seed: int) -> None:
    """Write one table of events with two labels.

    A label says whether a user's taste meets an item and a bend in the numbers agrees:

        z_t = <u_t, v_t> + sin(<a_t, x>) + (<b_t, x>^2 - 2) / 4,    click = z_1 + noise > 0

    `aligned`: the second task has the tastes and the bends of the first, and three quarters of its labels are missing, so
    that it has something to gain. `unrelated`: the second task has tastes and bends of its own. `conflicting`: the second
    task's tastes are those of the first but opposed for every other user, and its bends are its own; it is a rare yes, and
    the first is a quantity with so much heavy-tailed noise that its gradients drown those of the second.

    Args:
        path: the Parquet file.
        relation: how the tasks relate.
        rows: how many events.
        seed: of everything random.
    """
    draw = np.random.default_rng(seed)
    user, item = draw.integers(_USERS, size=rows), draw.integers(_ITEMS, size=rows)
    numbers = draw.standard_normal((rows, _NUMBERS), dtype=np.float32)
    # Directions at right angles, so that tasks with bends of their own have nothing in common by chance.
    bends = np.linalg.qr(draw.standard_normal((_NUMBERS, 4)))[0].T * 2**0.5
    first, own = _Taste(draw, bends[:2]), _Taste(draw, bends[2:])
    score = first.score(user, item, numbers, first)
    columns: dict[str, Any] = {"event": np.arange(rows), "user": user, "item": item, "half": user % 2}
    columns |= {f"n{i}": numbers[:, i] for i in range(_NUMBERS)}
    noise = draw.standard_normal(rows)
    if relation == "aligned":
        second: Any = (score + draw.standard_normal(rows) > 0).astype(object)
        second[draw.random(rows) < 0.75] = None
        columns |= {"first": score + noise > 0, "second": second}
    elif relation == "unrelated":
        other = own.score(user, item, numbers, own)
        columns |= {"first": score + noise > 0, "second": other + draw.standard_normal(rows) > 0}
    else:
        opposed = own.score(user, item, numbers, first, sign=np.where(user % 2, 1.0, -1.0)) + noise
        columns |= {"first": score + 3 * draw.standard_t(3, rows), "second": opposed > np.quantile(opposed, 0.95)}
    pq.write_table(pa.table(columns), path)


def synthetic_recipe(relation: Relation) -> dict[str, Any]:
    """Return the recipe that goes with the table."""
    return {
        "name": f"synthetic {relation}",
        "tables": {"events": {"source": f"{relation}.parquet", "id": "event"}},
        "features": {
            "events.event": "ignore",
            "events.user": "id",
            "events.item": "id",
            "events.half": "category",
            **{f"events.n{i}": "number" for i in range(_NUMBERS)},
        },
        "tasks": {
            "first": {"table": "events", "kind": "regression" if relation == "conflicting" else "binary", "label": "first"},
            "second": {"table": "events", "kind": "binary", "label": "second"},
        },
        "split": {"by": "random", "valid": 0.15, "test": 0.35},
        "model": {"width": 8, "numbers": "plain", "tower": [16]},
        "train": {"epochs": 8, "batch": 512, "learning_rate": 0.003},
    }


class _Taste:
    """What one task is about: a place for every user and item, and two directions in the numbers."""

    def __init__(self, draw: np.random.Generator, bends: np.ndarray) -> None:
        self.users = draw.standard_normal((_USERS, _TASTE))
        self.items = draw.standard_normal((_ITEMS, _TASTE)) / _TASTE**0.5
        self.bends = bends

    def score(
        self,
        user: np.ndarray,
        item: np.ndarray,
        numbers: np.ndarray,
        tastes: _Taste,
        sign: np.ndarray | float = 1.0,
    ) -> np.ndarray:
        """Score events by the tastes of one task and the bends of this one."""
        meeting = sign * (tastes.users[user] * tastes.items[item]).sum(1)
        wave, bowl = numbers @ self.bends[0], numbers @ self.bends[1]
        return np.asarray(meeting + np.sin(wave) + (bowl**2 - 2) / 4)
