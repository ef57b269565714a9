from __future__ import annotations

import math

import pytest
import torch

from plait.errors import RecipeError
from plait.serve.ask.formula import Formula

VALUES = {
    "click": torch.tensor([0.5, 0.25, 0.1]),
    "buy": torch.tensor([0.2, 0.4, 0.0]),
    "stars": torch.tensor([5.0, 1.0, 3.0]),
    "genre.sci-fi": torch.tensor([0.9, 0.1, 0.5]),
}


def worked(text: str) -> list[float]:
    formula = Formula(text, VALUES)
    return formula({name: VALUES[name] for name in formula.names or ["click"]}).tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("click", [0.5, 0.25, 0.1]),
        ("click^1 * buy^2", [0.5 * 0.04, 0.25 * 0.16, 0.0]),
        ("0.3*click + 0.7*stars", [0.15 + 3.5, 0.075 + 0.7, 0.03 + 2.1]),
        ("-click^2", [-0.25, -0.0625, -0.01]),
        ("2^-1 * click", [0.25, 0.125, 0.05]),
        ("2^3^2 + 0*click", [512, 512, 512]),
        ("1 - 2 - 3 + 0*click", [-4, -4, -4]),
        ("8 / 4 / 2 + 0*click", [1, 1, 1]),
        ("log(click)", [math.log(0.5), math.log(0.25), math.log(0.1)]),
        ("min(click, buy, 0.3)", [0.2, 0.25, 0.0]),
        ("max(click; buy)".replace(";", ","), [0.5, 0.4, 0.1]),
        ("(click + buy) * 2", [1.4, 1.3, 0.2]),
        ("`genre.sci-fi` * 10", [9.0, 1.0, 5.0]),
        ("7", [7, 7, 7]),
        ("--click", [0.5, 0.25, 0.1]),
        ("1e-1*click", [0.05, 0.025, 0.01]),
    ],
)
def test_what_it_says(text: str, expected: list[float]) -> None:
    assert worked(text) == pytest.approx(expected, rel=1e-6)


def test_what_is_no_number_comes_last() -> None:
    assert worked("log(buy - 0.3)")[0] == -math.inf


def test_names_in_the_order_in_which_they_come() -> None:
    assert Formula("buy * click + buy", VALUES).names == ["buy", "click"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("clik * 2", "Found `clik` in `clik * 2`. Did you mean `click`?"),
        ("click *", "should have a task, a number or a parenthesis at letter 8. Found the end."),
        ("click buy", "should have an operator or the end at letter 7. Found `buy`."),
        ("(click", "should have `)` at letter 7. Found the end."),
        ("logg(click)", "Did you mean `log`?"),
        ("log(click", "should have `)`"),
        ("click ** 2", "Found `*`"),
        ("__import__('os')", "Found `__import__`"),
        ("click.__class__", "Found `click.__class__`"),
        ("", "Found the end"),
        ("(" * 60 + "click" + ")" * 60, "nested at most 30 deep"),
        ("2^" * 60 + "2", "nested at most 30 deep"),
        ("click+" * 400 + "click", "at most 1000 letters"),
        ("click; buy", "Found `;`"),
    ],
)
def test_what_cannot_be_read(text: str, words: str) -> None:
    with pytest.raises(RecipeError) as error:
        Formula(text, VALUES)
    assert words in str(error.value)
