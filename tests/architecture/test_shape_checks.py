"""Wherever a function that names a shape may stand, it is checked; what names none is left as it was."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from beartype import beartype
from jaxtyping import Float, jaxtyped
from torch import Tensor

ONE, TWO = torch.zeros(1), torch.zeros(2)
checked: Callable[[Any], Any] = jaxtyped(typechecker=beartype)


@checked
def summed(left: Float[Tensor, "D"], right: Float[Tensor, "D"]) -> None:
    """Take two of one size."""


@checked
def said(out: Any, like: Float[Tensor, "D"]) -> Float[Tensor, "D"]:
    return out


@checked
def several(rows: "list[Float[Tensor, 'D']] | None", like: Float[Tensor, "D"]) -> None: ...


@checked
def unknown(other: "NotImported", left: Float[Tensor, "D"], right: Float[Tensor, "D"]) -> None:  # type: ignore[name-defined]
    """Take something that only the type checker knows, as a name imported under `TYPE_CHECKING` is."""


class Part:
    @checked
    def method(self, left: Float[Tensor, "D"], right: Float[Tensor, "D"]) -> None: ...

    @checked
    @classmethod
    def of_class(cls, left: Float[Tensor, "D"], right: Float[Tensor, "D"]) -> None: ...

    @checked
    @staticmethod
    def static(left: Float[Tensor, "D"], right: Float[Tensor, "D"]) -> None: ...

    @checked
    @property
    def value(self) -> Float[Tensor, "1"]:
        return TWO


@checked
@dataclass
class Pair:
    left: Float[Tensor, "D"]
    right: Float[Tensor, "D"]


@pytest.mark.parametrize(
    "take", [summed, said, Part().method, Part.of_class, Part.static, Pair, lambda *two: unknown(0, *two)]
)
def test_one_letter_is_one_size_within_a_call(take: Callable[[Tensor, Tensor], object]) -> None:
    take(TWO, TWO)
    take(ONE, ONE)
    with pytest.raises(Exception, match=r"right|out|return|like"):
        take(TWO, ONE)


def test_a_part_of_an_annotation_is_checked() -> None:
    several(None, ONE)
    several([ONE, ONE], ONE)
    with pytest.raises(Exception, match="rows|like"):
        several([TWO, TWO], ONE)


def test_a_property_is_checked() -> None:
    with pytest.raises(Exception, match="value"):
        _ = Part().value


def test_a_letter_means_something_else_in_the_function_that_is_called() -> None:
    @checked
    def outer(wide: Float[Tensor, "D"], narrow: Float[Tensor, "B"]) -> Float[Tensor, "D"]:
        summed(narrow, narrow)
        return wide

    outer(TWO, ONE)


def test_what_names_no_shape_is_left_as_it_was() -> None:
    def plain(number: int) -> int:
        return number

    assert checked(plain) is plain
