"""The bench on texts: contestants are compared on the same rows, in the same order of classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bench.texts.compare import compare, of_answer, of_joint
from bench.texts.contestants import Answer, Joint
from bench.texts.kept import Result, kept
from bench.texts.page import write_page

from plait.measure import Outcome
from plait.train.fitted import Fitted

FITTED = Fitted([], 1, 1, 1, 1, 1.0, 0, "cpu", "fp32", {}, {}, [], {})


def joint(prediction: list[list[float]], label: list[int], columns: list[str]) -> Joint:
    outcome = Outcome(np.array(prediction, np.float64), np.array(label, np.float64)[:, None])
    return Joint({"kind": outcome}, {"kind": columns}, 1.0, FITTED)


def test_classes_stand_in_one_order() -> None:
    labels, classes = ["b", "a", "c", None, "new"], ["a", "b", "c"]
    answer = Answer(np.eye(3)[[1, 0, 2, 0, 0]], 1.0)
    own = joint([[1, 0, 0], [0, 0, 1], [0, 1, 0]], [0, 2, 1], ["b", "c", "a"])
    for outcome in (of_answer(answer, labels, classes), of_joint(own, "kind", labels, classes)):
        assert outcome.label[:, 0].tolist() == [1, 0, 2]
        assert outcome.prediction.argmax(1).tolist() == [1, 0, 2]


def test_other_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="tested on the same rows by all. Found 2 and 1 labels"):
        of_joint(joint([[1, 0, 0]] * 2, [0, 2], ["a", "b", "c"]), "kind", ["a"], ["a", "b", "c"])


def test_of_two_classes_the_second_counts() -> None:
    found = of_answer(Answer(np.array([[0.9, 0.1], [0.2, 0.8]]), 1.0), [0, 1], [0, 1])
    assert found.prediction[:, 0].tolist() == [0.1, 0.8]
    assert of_joint(joint([[0.1], [0.8]], [0, 1], []), "kind", [0, 1], [0, 1]).label[:, 0].tolist() == [0, 1]


def test_a_difference_is_measured_in_pairs(tmp_path: Path) -> None:
    label = np.tile([0.0, 1.0], 200)[:, None]
    draw = np.random.default_rng(1)
    noise = draw.normal(size=(400, 1))
    weak = Outcome(1 / (1 + np.exp(-label - noise)), label)
    strong = Outcome(1 / (1 + np.exp(-1.2 * label - noise)), label)
    found = compare("binary", "auc", {"tf-idf": weak, "plait": strong})
    apart, figure = found["differences"]["tf-idf"], found["figures"]["plait"]
    assert 0 < apart["low"] < apart["value"] < apart["high"]
    assert apart["high"] - apart["low"] < (figure["high"] - figure["low"]) / 2
    part = {
        "tasks": {"good": {**found, "target": 0.9}},
        "cost": {"tf-idf": 1.0, "plait": 20.0},
        "notes": {},
        "train": 9,
        "test": 400,
        "command": "x",
        "threads": 1,
        "date": "y",
    }
    write_page({"clothing": part}, tmp_path / "texts.md")
    page = (tmp_path / "texts.md").read_text()
    assert f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})" in page
    assert "| good: AUC |" in page


def test_a_contestant_with_the_same_settings_is_not_trained_again(tmp_path: Path) -> None:
    made = []

    def make() -> Result:
        made.append(1)
        return Result({"good": Outcome(np.array([[0.5]]), np.array([[1.0]]), unit=np.array([3]))}, 2.0, {"steps": 7})

    first, again = kept(tmp_path, "a part", {"rate": 1}, make), kept(tmp_path, "a part", {"rate": 1}, make)
    assert len(made) == 1
    assert (again.cost, again.notes) == (first.cost, first.notes)
    assert again.outcomes["good"].unit.tolist() == [3]
    kept(tmp_path, "a part", {"rate": 2}, make)
    assert len(made) == 2
