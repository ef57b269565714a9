"""Values to numbers and back, whatever type they come in."""

from __future__ import annotations

import decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plait.data.values import numbers, plain
from plait.data.vocabulary import Vocabulary, count


def test_unknown_missing_and_known() -> None:
    vocabulary = count(pa.array(["b", None, "a", "b"]), None, 1)
    assert vocabulary.values.to_pylist() == ["a", "b"]
    assert vocabulary.encode(pa.array(["a", "b", "c", None, ""])).tolist() == [1, 2, 0, -1, 0]
    assert vocabulary.decode(np.array([2, 1, 0, -1])).to_pylist() == ["b", "a", None, None]


def test_rare_values_and_values_outside_training_are_left_out() -> None:
    values = pa.array([5, 5, 7, 7, 9])
    assert count(values, None, 2).values.to_pylist() == [5, 7]
    assert count(values, np.array([1, 1, 1, 0, 1]), 2).values.to_pylist() == [5]


@pytest.mark.parametrize(
    "same",
    [
        pa.array([1.0, 2.0, None]),
        pa.array(["1", "2", None]),
        pa.array([1, 2, None], pa.int8()),
        pa.array([1, 2, None], pa.uint64()),
        pa.array([decimal.Decimal("1.0"), decimal.Decimal("2.0"), None]),
        pa.array(["1.0", "2", None], pa.large_string()),
        pa.array(["1", "2", None]).dictionary_encode(),
        pa.chunked_array([pa.array([1]), pa.array([2, None])]),
        pa.array([1.0, 2.0, float("nan")]),
    ],
)
def test_one_value_in_every_type_is_one_value(same: pa.Array) -> None:
    assert count(pa.array([1, 2]), None, 1).encode(same).tolist() == [1, 2, -1]


def test_fractions_stay_values_of_their_own() -> None:
    vocabulary = count(pa.array([1.0, 1.5, None]), None, 1)
    assert vocabulary.values.to_pylist() == ["1", "1.5"]
    assert vocabulary.encode(pa.array([1, 2])).tolist() == [1, 0]
    assert vocabulary.encode(pa.array([1.5, 1.0])).tolist() == [2, 1]
    assert count(pa.array([1, 2]), None, 1).encode(pa.array([1.5, 1.0])).tolist() == [0, 1]


def test_text_among_whole_numbers_is_unknown_not_missing() -> None:
    vocabulary = count(pa.array([1, 2]), None, 1)
    assert vocabulary.encode(pa.array(["x", "2", None, "99999999999999999999"])).tolist() == [0, 2, -1, 0]


def test_numbers_far_apart_and_at_the_ends() -> None:
    ends = [-(2**63), -1, 0, 10**12, 2**63 - 1]
    vocabulary = count(pa.array(ends), None, 1)
    assert vocabulary.encode(pa.array([*ends, 5])).tolist() == [1, 2, 3, 4, 5, 0]
    near = count(pa.array([100, 101]), None, 1)
    assert near.encode(pa.array([*ends, 101])).tolist() == [0, 0, 0, 0, 0, 2]


def test_booleans_dates_and_unicode() -> None:
    assert plain(pa.array([True, False])).to_pylist() == ["true", "false"]
    assert count(pa.array(["naïve", "日本", "🎬", ""]), None, 1).encode(pa.array(["🎬", "", "日本"])).tolist() == [4, 1, 3]


def test_an_empty_vocabulary_knows_nothing() -> None:
    for kind in (pa.int64(), pa.string(), pa.null()):
        empty = count(pa.array([], kind), None, 1)
        assert len(empty) == 0
        assert empty.encode(pa.array([3, None])).tolist() == [0, -1]


def test_small_dictionary_indices_do_not_overflow() -> None:
    words = pa.array([f"w{i}" for i in range(127)])
    encoded = pa.DictionaryArray.from_arrays(pa.array([0, None, 126], pa.int8()), words)
    assert count(words, None, 1).encode(encoded).tolist()[1] == -1
    assert count(encoded, None, 1).values.to_pylist() == ["w0", "w126"]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)), max_size=20))
def test_round_trip(values: list[int | None]) -> None:
    column = pa.array(values, pa.int64())
    vocabulary = count(column, None, 1)
    assert vocabulary.decode(vocabulary.encode(column)).to_pylist() == values
    assert isinstance(vocabulary, Vocabulary)


def test_what_counts_as_a_number() -> None:
    assert numbers(pa.array(["1.5", "", None])).tolist()[0] == 1.5  # type: ignore[union-attr]
    assert numbers(pa.array(["x"])) is None
    assert numbers(pa.array([True, None])).tolist()[0] == 1.0  # type: ignore[union-attr]
    assert numbers(pa.array([[1.0]])) is None


@pytest.mark.parametrize("large", [True, False])
def test_a_few_values_among_many_are_found_as_all_of_them_are(large: bool) -> None:
    names = pa.array([f"name {number}" for number in range(1_000 if large else 10)])
    vocabulary = Vocabulary(names)
    asked = pa.array(["name 7", "new", None, "name 3", "name 7", "name 9"])
    assert vocabulary.encode(asked).tolist() == [8, 0, -1, 4, 8, 10]
    assert vocabulary.encode(asked.dictionary_encode()).tolist() == [8, 0, -1, 4, 8, 10]
    assert vocabulary.encode(asked.slice(1, 2)).tolist() == [0, -1]
    assert vocabulary.encode(asked.slice(0, 0)).tolist() == []
