"""Guesses on real tables and on made ones: ids, keys, times, kinds, tasks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plait.data.infer import Guess, infer, infer_features
from plait.errors import DataError
from plait.schema import Table

ROWS = 400


def _task(guess: Guess, name: str) -> tuple[str, str, str]:
    task = next(task for task in guess.tasks if task.name == name)
    return task.table, task.kind, task.label


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


def test_a_folder_of_parts_is_one_table(tmp_path: Path) -> None:
    (tmp_path / "visits").mkdir()
    for part in range(3):
        table = pa.table({"x": np.linspace(0, 1, 50), "visit": [0, 1] * 25})
        pq.write_table(table, tmp_path / "visits" / f"part-{part}.parquet")
    guess = infer(tmp_path)
    assert guess.tables["visits"].source == "visits" and guess.rows["visits"] == 150
