"""One more baseline on request: gradient-boosted trees, one model per task, on the same columns and rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from torch import Tensor

from plait.data.columns import Prepared
from plait.data.gather import gather
from plait.measure.outcome import Outcome

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

__all__ = ["trees_outcome"]

_ROWS: Final = 65_536
_MOST_VALUES: Final = 255
"""scikit-learn takes at most this many values of a category as such; wider ones are read as ordered numbers."""
_KINDS: Final = ("binary", "multiclass", "ordinal", "regression", "amount")


def trees_outcome(prepared: Prepared, task: str, like: Outcome, seed: int) -> Outcome | None:
    """Train trees for one task and predict its test rows.

    The trees see every column the task's model sees, texts and histories excepted; the number of trees is chosen on the
    validation part.

    Args:
        prepared: the prepared tables.
        task: the task.
        like: the joint model's outcome on the test rows, for labels, weights and units.
        seed: of the trees.

    Returns:
        The outcome on the test rows in the same order, or None for a kind of task trees are no baseline for.
    """
    kind = prepared.layout.tasks[task].kind
    if kind not in _KINDS:
        return None
    columns = prepared.tables[prepared.layout.tasks[task].table]
    train, valid, test = (prepared.rows(task, part) for part in ("train", "valid", "test"))
    label = columns.labels[task][:, 0]
    if prepared.layout.tasks[task].kind == "binary" and columns.labels[task].shape[1] == 2:
        train = train[columns.labels[task][train, 1] >= 1]  # trees know no label that may still become 1
    wide = _matrix(prepared, task, train)
    categorical = _categorical(prepared, task, wide.shape[1])
    held = _matrix(prepared, task, valid) if len(valid) else None
    rows = _matrix(prepared, task, test)
    found = []
    for level in like.levels or (None,):
        model = _model(kind, categorical, seed, level)
        model.fit(wide, label[train].numpy(), X_val=held, y_val=label[valid].numpy() if len(valid) else None)
        found.append(_predict(model, kind, rows, len(prepared.layout.tasks[task].classes)))
    if len(found) > 1:
        # The value beside the quantiles is the one nearest to the median.
        found.insert(0, found[int(np.abs(np.array(like.levels) - 0.5).argmin())])
    return Outcome(np.concatenate(found, axis=1), like.label, like.weight, like.unit, levels=like.levels)


def _matrix(prepared: Prepared, task: str, rows: Tensor) -> np.ndarray:
    """Lay all visible codes and numbers of the task's roles side by side."""
    group = next(g for g in prepared.layout.groups if task in g.tasks)
    roles = [role for role in prepared.layout.roles if role.name in group.roles and role.history is None]
    chunks = []
    for chunk in torch.split(rows, _ROWS):
        batch = gather(prepared, group.table, chunk)
        parts = []
        for role in roles:
            codes, numbers = _visible(prepared, role.name, group.hidden)
            block = batch.roles[role.name]
            parts += [block.codes[:, codes].float(), block.numbers[:, numbers]]
        chunks.append(torch.cat(parts, dim=1).numpy())
    return np.concatenate(chunks) if chunks else np.empty((0, 0), dtype=np.float32)


def _visible(prepared: Prepared, role: str, hidden: list[str]) -> tuple[list[int], list[int]]:
    features = [f for f in prepared.layout.table_of(role).features if f"{role}/{f.name}" not in hidden]
    return [slot for f in features for slot in f.slots], [number for f in features for number in f.numbers]


def _categorical(prepared: Prepared, task: str, width: int) -> np.ndarray:
    """Say which columns of the matrix are categories with few enough values."""
    group = next(g for g in prepared.layout.groups if task in g.tasks)
    flags: list[bool] = []
    for role in prepared.layout.roles:
        if role.name not in group.roles or role.history is not None:
            continue
        seen = [f for f in prepared.layout.table_of(role.name).features if f"{role.name}/{f.name}" not in group.hidden]
        flags += [len(f.slots) == 1 and f.size < _MOST_VALUES for f in seen for _ in f.slots]
        flags += [False for f in seen for _ in f.numbers]
    assert len(flags) == width
    return np.array(flags, dtype=bool)


def _model(
    kind: str, categorical: np.ndarray, seed: int, level: float | None
) -> HistGradientBoostingClassifier | HistGradientBoostingRegressor:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    shared = {
        "categorical_features": categorical if categorical.any() else None,
        "early_stopping": True,
        "max_iter": 500,
        "learning_rate": 0.1,
        "random_state": seed,
    }
    if level is not None:
        return HistGradientBoostingRegressor(loss="quantile", quantile=level, **shared)
    chosen = HistGradientBoostingRegressor if kind in ("regression", "amount") else HistGradientBoostingClassifier
    return chosen(**shared)


def _predict(
    model: HistGradientBoostingClassifier | HistGradientBoostingRegressor, kind: str, rows: np.ndarray, classes: int
) -> np.ndarray:
    from sklearn.ensemble import HistGradientBoostingClassifier

    if not isinstance(model, HistGradientBoostingClassifier):
        return np.asarray(model.predict(rows), dtype=np.float64)[:, None]
    chances = np.asarray(model.predict_proba(rows))
    wide = np.zeros((len(rows), max(classes, 2)))
    wide[:, model.classes_.astype(int)] = chances
    return wide[:, 1:] if kind == "binary" else wide
