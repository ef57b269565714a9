"""Guesses on real tables and on made ones: ids, keys, times, kinds, tasks."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plait.data.infer import Guess, infer, infer_features
from plait.data.infer_kinds import choose, epoch_seconds
from plait.data.infer_labels import quote
from plait.data.infer_names import looks_like_id, singular, words
from plait.data.infer_profile import profile
from plait.errors import DataError
from plait.schema import Category, Embedding, Id, Ignore, Number, Table, Text, Time

ROWS = 400


def _kind(name: str, values: object, table: str = "t") -> object:
    return choose(profile(table, name, pa.chunked_array([pa.array(values)]))).feature


def _task(guess: Guess, name: str) -> tuple[str, str, str]:
    task = next(task for task in guess.tasks if task.name == name)
    return task.table, task.kind, task.label


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


# --- features of the tables of a recipe ------------------------------------------------------------------------------


def test_features_of_a_recipe(shared_data: Path) -> None:
    tables = {
        "ratings": Table(source="ratings.parquet", time="timestamp", keys={"userId": "users", "movieId": "movies"}),
        "movies": Table(source="movies.parquet", id="movieId"),
        "users": Table(of="ratings.userId", id="userId"),
        "links": Table(source="links.parquet", id="movieId"),
    }
    found = infer_features(tables, shared_data / "movielens_small")
    assert {name: feature.kind for name, feature in found.items()} == {
        "ratings.rating": "number",
        "ratings.timestamp": "ignore",
        "movies.movieId": "id",
        "movies.title": "text",
        "movies.genres": "category",
        "users.userId": "id",
        "links.movieId": "ignore",
        "links.imdbId": "ignore",
        "links.tmdbId": "ignore",
    }


def test_large_tables_are_looked_at_in_part(tmp_path: Path) -> None:
    rows = 250_000
    ids = np.repeat(np.arange(rows // 4), 4)
    pq.write_table(
        pa.table({"user_id": ids, "row_id": np.arange(rows), "x": np.linspace(0, 1, rows)}), tmp_path / "big.parquet"
    )
    found = infer_features({"big": Table(source="big.parquet")}, tmp_path)
    assert {name: feature.kind for name, feature in found.items()} == {
        "big.user_id": "id",
        "big.row_id": "ignore",
        "big.x": "number",
    }


def test_a_single_row_keeps_its_columns(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1.5], "b": ["word"]}), tmp_path / "one.parquet")
    found = infer_features({"one": Table(source="one.parquet")}, tmp_path)
    assert found["one.a"].kind == "number"


# --- folders ---------------------------------------------------------------------------------------------------------


def test_movielens(shared_data: Path) -> None:
    guess = infer(shared_data / "movielens_small")
    assert guess.tables["ratings"].keys == {"userId": "users", "movieId": "movies"}
    assert guess.tables["ratings"].time == "timestamp"
    assert guess.tables["tags"].keys == {"userId": "users", "movieId": "movies"}
    assert guess.tables["movies"].id == "movieId"
    assert guess.tables["users"].of == "ratings.userId"
    assert "links.parquet" in guess.left
    assert _task(guess, "like") == ("ratings", "binary", "rating >= 4")
    assert _task(guess, "stars") == ("ratings", "regression", "rating")
    assert _task(guess, "next") == ("ratings", "retrieval", "movieId")
    assert _task(guess, "genre") == ("movies", "multilabel", "genres")
    assert next(task for task in guess.tasks if task.name == "genre").inputs == ("movies.title",)
    assert next(task for task in guess.tasks if task.name == "next").inputs == ("users",)
    assert guess.features["users.recent"].feature.kind == "history"
    assert guess.split.by == "auto"


def test_hillstrom(shared_data: Path) -> None:
    guess = infer(shared_data / "hillstrom")
    assert [(task.name, task.kind, task.label) for task in guess.tasks] == [
        ("visit", "binary", "visit"),
        ("conversion", "binary", "conversion"),
        ("spend", "amount", "spend"),
    ]
    assert "0.9% positive" in next(task for task in guess.tasks if task.name == "conversion").why
    assert "newbie" in [task.name for task in guess.possible]
    assert guess.split.by == "random"


def test_census(shared_data: Path) -> None:
    guess = infer(shared_data / "census_income")
    assert _task(guess, "income") == ("census", "binary", "income = '50000+.'")
    assert _task(guess, "education") == ("census", "multiclass", "education")
    assert _task(guess, "marital_status") == ("census", "multiclass", "marital_status")
    assert guess.features["census.instance_weight"].feature.kind == "ignore"


def test_bank(shared_data: Path) -> None:
    guess = infer(shared_data / "bank_marketing" / "calls.parquet")
    assert guess.name == "calls"
    assert _task(guess, "y") == ("calls", "binary", "y = 'yes'")
    assert {"marital", "education"} <= {task.name for task in guess.possible}
    assert guess.features["calls.emp.var.rate"].feature.kind == "number"


def test_behaviours_without_time(shared_data: Path) -> None:
    guess = infer(shared_data / "beibei_behaviours")
    assert list(guess.tables["buy"].keys) == ["user_id", "item_id"]
    assert guess.tables["items"].of in ("buy.item_id", "cart.item_id")
    assert {task.name for task in guess.tasks} == {"next_buy", "next_cart"}
    assert not any(choice.feature.kind == "history" for choice in guess.features.values())


def test_reviews(shared_data: Path) -> None:
    guess = infer(shared_data / "amazon_instruments")
    assert guess.tables["reviews"].time == "unixReviewTime"
    assert _task(guess, "like") == ("reviews", "binary", "overall >= 4")
    assert _task(guess, "next") == ("reviews", "retrieval", "asin")
    assert guess.split.by == "time"


def test_chinese(shared_data: Path) -> None:
    guess = infer(shared_data / "chinese_reviews")
    assert _task(guess, "label") == ("shopping", "binary", "label")
    assert _task(guess, "cat")[1] == "multiclass"
    assert guess.features["shopping.review"].feature.kind == "text"


def test_search_is_ranked_within_a_query(shared_data: Path) -> None:
    guess = infer(shared_data / "chorus_search")
    assert guess.tables["judgements"].keys["docid"] == "products"
    assert _task(guess, "rank") == ("judgements", "ranking", "rating")
    assert next(task for task in guess.tasks if task.name == "rank").group == "query"


def test_later_parts_are_left_for_evaluation(shared_data: Path) -> None:
    guess = infer(shared_data / "product_matching")
    assert set(guess.tables) == {"computers_train", "walmart_amazon_train", "cameras_train"}
    assert "plait evaluate" in guess.left["cameras_test.parquet"]


def test_a_shop_in_other_words_and_formats(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    rows = 900
    lines = ["会员编号;商品编号;时间;金额"]
    lines += [
        f"u{random.integers(60)};p{random.integers(40)};2024-03-{1 + i % 28:02d} 10:00:00;{random.choice([0, 0, 12, 99])}"
        for i in range(rows)
    ]
    (tmp_path / "订单.csv").write_text("\n".join(lines), encoding="utf-8")
    with (tmp_path / "商品.jsonl").open("w", encoding="utf-8") as file:
        for i in range(40):
            file.write(
                json.dumps(
                    {"商品编号": f"p{i}", "名称": f"很好用的东西第{i}号", "类别": "吃喝玩"[i % 3]}, ensure_ascii=False
                )
                + "\n"
            )
    guess = infer(tmp_path)
    assert set(guess.tables) >= {"订单"}
    assert guess.tables["订单"].time == "时间"
    assert ("订单", "amount", '"金额"') in [(task.table, task.kind, task.label) for task in guess.tasks]


def test_the_split_column_is_used(tmp_path: Path) -> None:
    rows = 300
    part = ["train"] * 200 + ["valid"] * 50 + ["test"] * 50
    table = pa.table({"x": np.linspace(0, 1, rows), "label": [i % 2 for i in range(rows)], "split": part})
    pq.write_table(table, tmp_path / "rows.parquet")
    guess = infer(tmp_path)
    assert (guess.split.by, guess.split.column) == ("column", "split")
    assert guess.features["rows.split"].feature.kind == "ignore"


def test_without_names_the_smallest_category_is_a_start(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": np.linspace(0, 1, 200), "b": ["x", "y", "z", "x"] * 50}), tmp_path / "t.parquet")
    guess = infer(tmp_path)
    assert [task.label for task in guess.tasks] == ["b"]


def test_progress_is_told(shared_data: Path) -> None:
    told: list[tuple[str, int, int]] = []
    infer(shared_data / "hillstrom", lambda what, done, total: told.append((what, done, total)))
    assert told[0] == ("reading email.parquet", 0, 1) and told[-1][1:] == (1, 1)


# --- what cannot be read ---------------------------------------------------------------------------------------------


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"should be a folder of tables, or one file\. Found nothing there"):
        infer(tmp_path / "nowhere")


def test_a_folder_without_tables(tmp_path: Path) -> None:
    (tmp_path / "notes.docx").write_text("x")
    with pytest.raises(DataError, match=r"should hold tables as Parquet, CSV.*Found files ending in \['.docx'\]"):
        infer(tmp_path)


def test_a_truncated_file_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": np.arange(1000)}), tmp_path / "t.parquet")
    data = (tmp_path / "t.parquet").read_bytes()
    (tmp_path / "t.parquet").write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match=r"t\.parquet"):
        infer(tmp_path)


def test_an_empty_table_is_left_out(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": pa.array([], pa.int64())}), tmp_path / "empty.parquet")
    with pytest.raises(DataError, match=r"should hold at least one table with rows. Found none \(empty.parquet: no rows\)"):
        infer(tmp_path)
    pq.write_table(pa.table({"x": np.linspace(0, 1, 50), "label": [0, 1] * 25}), tmp_path / "full.parquet")
    guess = infer(tmp_path)
    assert guess.left["empty.parquet"] == "no rows" and list(guess.tables) == ["full"]


def test_a_table_of_pairs_has_two_keys_to_one_table(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    rows = 500
    items = pa.table({"item_id": np.arange(60), "name": [f"a thing called number {i}" for i in range(60)]})
    pq.write_table(items, tmp_path / "items.parquet")
    columns = {name: random.integers(0, 60, rows) for name in ("left_item_id", "right_item_id")}
    pq.write_table(pa.table(columns | {"same": random.integers(0, 2, rows)}), tmp_path / "pairs.parquet")
    guess = infer(tmp_path)
    assert guess.tables["pairs"].keys == {"left_item_id": "items", "right_item_id": "items"}
    assert _task(guess, "same") == ("pairs", "relatedness", "same")
    (tmp_path / "items.parquet").unlink()
    alone = infer(tmp_path)
    assert set(alone.tables["pairs"].keys.values()) == {"items"}
    assert alone.tables["items"].of in ("pairs.left_item_id", "pairs.right_item_id")


def test_a_column_that_counts_the_rows_is_left_out() -> None:
    assert isinstance(_kind("Unnamed: 0", np.arange(ROWS)), Ignore)
    assert isinstance(_kind("x", np.arange(ROWS) * 3), Number)


def test_a_folder_of_parts_is_one_table(tmp_path: Path) -> None:
    (tmp_path / "visits").mkdir()
    for part in range(3):
        table = pa.table({"x": np.linspace(0, 1, 50), "visit": [0, 1] * 25})
        pq.write_table(table, tmp_path / "visits" / f"part-{part}.parquet")
    guess = infer(tmp_path)
    assert guess.tables["visits"].source == "visits" and guess.rows["visits"] == 150
