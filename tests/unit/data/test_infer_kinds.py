"""Guesses about one column: what its name says and what its values look like."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plait.data.infer.kinds import choose, epoch_seconds
from plait.data.infer.labels import quote
from plait.data.infer.names import looks_like_id, singular, words
from plait.data.infer.profile import profile
from plait.schema import Category, Embedding, Id, Ignore, Number, Text, Time

ROWS = 400


def _kind(name: str, values: object, table: str = "t") -> object:
    return choose(profile(table, name, pa.chunked_array([pa.array(values)]))).feature


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("movieId", ["movie", "id"]),
        ("reviewerID", ["reviewer", "id"]),
        ("user_id", ["user", "id"]),
        ("emp.var.rate", ["emp", "var", "rate"]),
        ("用户_编号", ["用户", "编号"]),
        ("__", []),
    ],
)
def test_names_are_split_into_words(name: str, expected: list[str]) -> None:
    assert words(name) == expected


@pytest.mark.parametrize(
    "name", ["id", "movieId", "user_id", "asin", "docid", "user", "userid", "left_movie_id", "商品_编号"]
)
def test_these_names_are_ids(name: str) -> None:
    assert looks_like_id(name)


@pytest.mark.parametrize("name", ["paid", "age", "title", "video_length", "grid", "", "__"])
def test_these_names_are_no_ids(name: str) -> None:
    assert not looks_like_id(name)


@pytest.mark.parametrize(
    ("many", "one"), [("movies", "movie"), ("categories", "category"), ("boxes", "box"), ("class", "class")]
)
def test_plurals(many: str, one: str) -> None:
    assert singular(many) == one


@pytest.mark.parametrize(
    ("column", "written"),
    [
        ("rating", "rating"),
        ("default", '"default"'),
        ("emp.var.rate", '"emp.var.rate"'),
        ("评分", '"评分"'),
        ('a"b', '"a""b"'),
    ],
)
def test_columns_are_quoted_where_sql_needs_it(column: str, written: str) -> None:
    assert quote(column) == written


# --- kinds of one column ---------------------------------------------------------------------------------------------


def test_numbers() -> None:
    random = np.random.default_rng(0)
    assert isinstance(_kind("price", random.gamma(2.0, 10.0, ROWS)), Number)
    assert isinstance(_kind("age", random.integers(18, 90, ROWS)), Number)


def test_codes_and_small_numbers_are_categories() -> None:
    random = np.random.default_rng(0)
    assert isinstance(_kind("industry_code", random.integers(0, 50, ROWS)), Category)
    assert isinstance(_kind("month", random.integers(1, 13, ROWS)), Category)
    assert isinstance(_kind("children", random.integers(0, 5, ROWS)), Category)
    assert isinstance(_kind("member", random.integers(0, 2, ROWS) > 0), Category)
    assert isinstance(_kind("wage_per_hour", random.integers(0, 9000, ROWS)), Number)


def test_ids_repeat_and_what_never_repeats_is_left_out() -> None:
    random = np.random.default_rng(0)
    assert isinstance(_kind("shop_id", random.integers(0, 100, ROWS)), Id)
    assert isinstance(_kind("order_id", np.arange(ROWS)), Ignore)
    assert isinstance(_kind("token", [f"x{i:05d}" for i in range(ROWS)]), Ignore)


def test_whole_numbers_with_gaps_are_still_whole() -> None:
    values = [float(i % 100) if i % 7 else float("nan") for i in range(ROWS)]
    seen = profile("t", "shop_id", pa.chunked_array([pa.array(values, from_pandas=True)]))
    assert seen.shape == "integer"
    assert seen.nulls == sum(i % 7 == 0 for i in range(ROWS))


def test_texts_and_categories() -> None:
    assert isinstance(_kind("title", [f"A film about {i} and {i * 7}" for i in range(ROWS)]), Text)
    assert isinstance(_kind("review", [f"这件衣服质量很好第{i}次购买非常满意" for i in range(ROWS)]), Text)
    assert isinstance(_kind("colour", ["red", "blue", "very light green", "black"] * 100), Category)


def test_many_values_in_one_cell() -> None:
    kinds = ["Drama", "Comedy", "War", "Action", "Sci-Fi"]
    random = np.random.default_rng(0)
    cells = ["|".join(random.choice(kinds, size=random.integers(1, 4), replace=False)) for _ in range(ROWS)]
    found = _kind("genres", cells)
    assert isinstance(found, Category) and found.separator == "|" and found.most == 3
    listed = _kind("tags", [cell.split("|") for cell in cells])
    assert isinstance(listed, Category) and listed.separator is None


def test_sentences_with_commas_are_no_lists() -> None:
    assert isinstance(_kind("text", [f"Well, it is number {i}, and I like it, really." for i in range(ROWS)]), Text)


@pytest.mark.parametrize(
    "values",
    [
        [datetime(2024, 1, 1 + i % 28) for i in range(ROWS)],
        [date(2024, 1, 1 + i % 28) for i in range(ROWS)],
        [f"2024-01-{1 + i % 28:02d}T10:00:00Z" for i in range(ROWS)],
        [1_700_000_000 + 977 * i for i in range(ROWS)],
        [1_700_000_000_000 + 977 * i for i in range(ROWS)],
    ],
)
def test_moments(values: list[object]) -> None:
    assert isinstance(_kind("created_at", values), Time)


def test_large_ids_are_no_moments() -> None:
    seen = profile("t", "item_id", pa.chunked_array([pa.array([1_700_000_000 + i // 4 for i in range(ROWS)])]))
    assert epoch_seconds(seen) is None
    assert isinstance(choose(seen).feature, Id)


def test_embeddings_and_other_lists() -> None:
    assert isinstance(_kind("vector", [[0.1 * i, 0.5, -1.0, 2.0] for i in range(ROWS)]), Embedding)
    assert isinstance(_kind("helpful", [[i % 9, i % 9 + 1] for i in range(ROWS)]), Ignore)
    assert isinstance(_kind("ragged", [[0.5] * (1 + i % 3) for i in range(ROWS)]), Ignore)
    assert isinstance(_kind("struct", [{"a": i} for i in range(ROWS)]), Ignore)


def test_constant_and_empty_columns_are_left_out() -> None:
    assert isinstance(_kind("same", ["x"] * ROWS), Ignore)
    assert isinstance(_kind("none", pa.nulls(ROWS)), Ignore)
    assert isinstance(_kind("nan", [float("nan")] * ROWS), Ignore)
    assert isinstance(_kind("blank", pa.nulls(ROWS, pa.string())), Ignore)


def test_infinite_numbers_do_not_stop_the_guess() -> None:
    assert isinstance(_kind("x", [float("inf"), float("-inf"), *np.linspace(0, 1, ROWS)]), Number)


def test_a_survey_weight_is_no_feature() -> None:
    choice = choose(profile("t", "instance_weight", pa.chunked_array([pa.array(np.linspace(1, 9, ROWS))])))
    assert isinstance(choice.feature, Ignore) and "sample_weight" in choice.why


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    name=st.text(min_size=1, max_size=12),
    values=st.one_of(
        st.lists(st.one_of(st.none(), st.text(max_size=20)), max_size=40),
        st.lists(st.one_of(st.none(), st.floats()), max_size=40),
        st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)), max_size=40),
        st.lists(st.lists(st.text(max_size=3), max_size=3), max_size=20),
        st.lists(st.booleans(), max_size=20),
    ),
)
def test_any_column_is_read_somehow(name: str, values: list[object]) -> None:
    choice = choose(profile("t", name, pa.chunked_array([pa.array(values)])))
    assert choice.why and choice.feature.kind


def test_a_column_that_counts_the_rows_is_left_out() -> None:
    assert isinstance(_kind("Unnamed: 0", np.arange(ROWS)), Ignore)
    assert isinstance(_kind("x", np.arange(ROWS) * 3), Number)
