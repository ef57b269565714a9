"""How numbers, chances and names are written."""

from __future__ import annotations

import pytest
import torch

from plait.layout import TaskLayout
from plait.serve.catalogue import singular
from plait.serve.readings import reading, truth
from plait.serve.web.renderer import number, percent, said


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "< 1 %"), (0.004, "< 1 %"), (0.014, "1 %"), (0.5, "50 %"), (0.991, "> 99 %"), (1.0, "> 99 %")]
)
def test_a_chance_is_never_a_certainty(value: float, text: str) -> None:
    assert percent(value) == text


QUANTITIES = {0.0: "0.00", -4.123: "-4.12", 12.34: "12.3", 1234.5: "1,234", -2e300: "-2e+300", float("inf"): "–"}


@pytest.mark.parametrize(("value", "text"), [*QUANTITIES.items(), (float("nan"), "–")])
def test_quantities_keep_what_matters(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("table", "word"),
    [
        ("movies", "movie"),
        ("users", "user"),
        ("people", "person"),
        ("categories", "category"),
        ("boxes", "box"),
        ("glass", "glass"),
    ],
)
def test_one_of_many(table: str, word: str) -> None:
    assert singular(table) == word


def task(kind: str, classes: tuple[str, ...] = ()) -> TaskLayout:
    return TaskLayout(name="t", kind=kind, table="x", classes=list(classes))  # type: ignore[arg-type]


def test_binary() -> None:
    found = reading(task("binary"), ["probability"], torch.tensor([0.25]), torch.tensor([1.0]))
    assert (found.value, found.truth, said(found)) == (0.25, "yes", "25 %")


def test_regression_that_is_not_finite() -> None:
    found = reading(task("regression"), ["value"], torch.tensor([float("nan")]))
    assert found.value is None
    assert said(found) == "not defined"


def test_multiclass() -> None:
    found = reading(task("multiclass", ("a", "b")), ["a", "b"], torch.tensor([0.2, 0.8]), torch.tensor([0.0]))
    assert (found.best, found.truth, said(found)) == ("b", "a", "b 80 %")


def test_multilabel_names_the_likely_ones() -> None:
    classes = ("a", "b", "c")
    found = reading(
        task("multilabel", classes), list(classes), torch.tensor([0.9, 0.1, 0.4]), torch.tensor([2.0, 0.0, -1.0])
    )
    assert said(found) == "a 90 %, c 40 %"
    assert found.truth == "c, a"
    unsure = reading(task("multilabel", classes), list(classes), torch.tensor([0.02, 0.1, 0.05]))
    assert said(unsure) == "b 10 %"


def test_ordinal_says_the_expected_level() -> None:
    found = reading(task("ordinal", ("1", "2", "3")), ["1", "2", "3"], torch.tensor([0.0, 0.5, 0.5]), torch.tensor([2.0]))
    assert found.value == pytest.approx(2.5)
    assert found.truth == "3"
    words = reading(task("ordinal", ("low", "high")), ["low", "high"], torch.tensor([0.3, 0.7]))
    assert (words.value, said(words)) == (None, "high")


def test_a_label_that_was_not_observed_is_none() -> None:
    assert truth(task("binary"), torch.tensor([float("nan")])) is None
    assert truth(task("amount"), torch.tensor([12.5])) == "12.5"
