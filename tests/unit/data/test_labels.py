"""Labels of every kind in slots."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from plait.data.labels import encode_label, fit_label, label_values
from plait.layout import TaskLayout
from plait.schema import Task


def _fit(
    kind: str, values: Any, train: list[bool] | None = None, separator: str | None = None
) -> tuple[TaskLayout, Any, int]:
    task = Task(table="t", kind=kind, label="y")  # type: ignore[arg-type]
    column = values if isinstance(values, pa.Array) else pa.array(values)
    array = label_values(task, column, separator)
    observed = np.array([v is not None for v in column.to_pylist()])
    layout = fit_label("y", task, array, observed, np.array(train or [True] * len(column)))
    labels, unseen = encode_label(layout, task, array, observed)
    return layout, labels, unseen


def _same(found: Any, expected: Any) -> bool:
    return found.dtype == np.float32 and np.array_equal(found, np.array(expected, np.float32), equal_nan=True)


def test_binary() -> None:
    for values in ([1, 0, None, 1], [True, False, None, True], [1.0, 0.0, None, 1.0], ["1", "0", None, "1"]):
        layout, labels, _ = _fit("binary", values, [True, True, True, False])
        assert _same(labels, [[1], [0], [np.nan], [1]])
        assert (layout.mean, layout.std) == (0.5, 0.5)


def test_numbers() -> None:
    layout, labels, _ = _fit("regression", [1.5, -2, None, 8], [True, True, True, False])
    assert _same(labels, [[1.5], [-2], [np.nan], [8]])
    assert (layout.mean, layout.std) == (-0.25, 1.75)
    assert _fit("amount", [0, 0, 3])[0].mean == 1
    assert _fit("regression", [4, 4])[0].std == 1, "never 0"


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        (["b", "a", "b", None], ["a", "b"]),
        ([10, 9, 10, None], ["9", "10"]),
        ([0.5, 3.0, 0.5, None], ["0.5", "3"]),
        ([True, False, True, None], ["false", "true"]),
    ],
)
def test_classes(values: list[Any], classes: list[str]) -> None:
    for kind in ("multiclass", "ordinal"):
        layout, labels, unseen = _fit(kind, values)
        assert layout.classes == classes
        assert unseen == 0
        assert layout.class_rate == pytest.approx([1 / 3, 2 / 3] if labels[1, 0] == 0 else [2 / 3, 1 / 3])
        assert np.isnan(labels[3, 0])
        assert labels[0, 0] == labels[2, 0] != labels[1, 0]


def test_classes_unseen_in_training_are_not_observed() -> None:
    layout, labels, unseen = _fit("multiclass", ["a", "b", "new"], [True, True, False])
    assert (layout.classes, unseen) == (["a", "b"], 1)
    assert _same(labels, [[0], [1], [np.nan]])


@pytest.mark.parametrize("listed", [True, False])
def test_many_labels(listed: bool) -> None:
    values: list[Any] = [["x", "y"], ["y"], [], None, ["z", "y"]]
    if not listed:
        values = ["x| y", "y", "", None, "z|y"]
    layout, labels, unseen = _fit("multilabel", values, [True, True, True, True, False], None if listed else "|")
    assert (layout.classes, layout.label_width, unseen) == (["x", "y"], 2, 1)
    assert layout.class_rate == pytest.approx([1 / 3, 2 / 3])
    assert _same(labels, [[0, 1], [1, -1], [-1, -1], [np.nan, np.nan], [1, -1]])


def test_lists_that_start_in_the_middle_of_an_array() -> None:
    values = pa.array([["q"], ["x", "y"], None, ["y"]]).slice(1)
    layout, labels, _ = _fit("multilabel", values)
    assert layout.classes == ["x", "y"]
    assert _same(labels, [[0, 1], [np.nan, np.nan], [1, -1]])
    words = pa.array(["q", "x|y", None, "y"]).slice(1)
    assert _same(_fit("multilabel", words, None, "|")[1], labels)


@pytest.mark.parametrize("values", [pa.nulls(2), pa.nulls(2, pa.int32()), pa.array([None, None], pa.list_(pa.string()))])
def test_many_labels_of_which_none_is_known(values: pa.Array) -> None:
    layout, _, _ = _fit("multilabel", [["x", "y"], ["y"]])
    task = Task(table="t", kind="multilabel", label="y")
    labels, unseen = encode_label(layout, task, values, np.array([False, False]))
    assert unseen == 0
    assert _same(labels, [[np.nan, np.nan]] * 2)


def test_more_labels_than_training_had() -> None:
    layout, _, _ = _fit("multilabel", [["x"], ["y"]])
    task = Task(table="t", kind="multilabel", label="y")
    labels, _ = encode_label(layout, task, pa.array([["x", "y"], ["y"]]), np.array([True, True]))
    assert _same(labels, [[0, 1], [1, -1]])
