from __future__ import annotations

import pyarrow as pa
import pytest
import torch

from plait.errors import RecipeError
from plait.serve.ask.columns import Column
from plait.serve.ask.questions import Range


def rows(mask: torch.Tensor) -> list[int]:
    return mask.nonzero()[:, 0].tolist()


def test_words_between_separators() -> None:
    column = Column("genres", pa.chunked_array([["Comedy|Drama", None, "Drama", "", "Drama | Drama"]]), "|")
    assert rows(column.equal(["Drama"])) == [1, 3, 5]
    assert rows(column.equal(["Comedy", "nothing"])) == [1]
    places, codes = column.words_of(torch.tensor([1, 5, 2]))
    assert places.tolist() == [0, 0, 1]
    assert sorted(column.names[code] for code in codes.tolist()) == ["Comedy", "Drama", "Drama"]


def test_lists_and_booleans() -> None:
    column = Column("tags", pa.chunked_array([[["a", "b"], None, [], ["b"]]]))
    assert rows(column.equal(["b"])) == [1, 4]
    stock = Column("stock", pa.chunked_array([[True, False, None]]))
    assert rows(stock.equal([True])) == [1]
    assert rows(stock.equal([False])) == [2]


def test_numbers() -> None:
    column = Column("year", pa.chunked_array([[1990, None, 2001, 1985]]))
    assert rows(column.equal([1990, 2001.0])) == [1, 3]
    assert rows(column.between(Range(min=1986))) == [1, 3]
    assert rows(column.between(Range(max="1990"))) == [1, 4]
    assert rows(column.between(Range())) == [1, 3, 4]
    with pytest.raises(RecipeError, match=r"`year` should be a number, as its values are. Found `x`."):
        column.equal(["x"])
    with pytest.raises(RecipeError, match="should be a number"):
        column.between(Range.model_validate({"min": "9" * 400 + "x"}))
    with pytest.raises(RecipeError, match="should be a number"):
        column.equal([10**400])


def test_texts_and_times_in_order() -> None:
    column = Column("name", pa.chunked_array([["b", "a", None, "c"]]))
    assert rows(column.between(Range(min="b"))) == [1, 4]
    when = Column("when", pa.chunked_array([pa.array([0, 10**9, None], pa.timestamp("s"))]))
    assert rows(when.between(Range(min="1999-01-01"))) == [2]


def test_lists_have_no_range() -> None:
    column = Column("tags", pa.chunked_array([[["a", "b"], None]]))
    with pytest.raises(RecipeError, match=r"The column `tags` holds list<.*>; name values"):
        column.between(Range(min="a"))


def test_no_items() -> None:
    column = Column("name", pa.chunked_array([[]], pa.string()))
    assert rows(column.equal(["a"])) == []
    assert rows(column.between(Range(min="a"))) == []
