"""Several texts as one: put together along keys, hidden where one part is, the same for rows from outside."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from tests.unit.data.shop import Characters, Letters

from plait.data.apply import apply
from plait.data.check import check
from plait.data.prepare import prepare
from plait.data.seats import arrange
from plait.errors import DataError, RecipeError
from plait.recipe import load_recipe
from plait.schema import JOINT, Schema, Split, Table, Task, Text

LONG = "d" * 1000


def write(folder: Path) -> None:
    """Write judgements of queries and products, and the makers of products."""
    pq.write_table(
        pa.table(
            {
                "query": ["a", "bb", None, f" c{JOINT}c ", "d", "a"],
                "product": ["p1", "p2", "p1", None, "gone", "p3"],
                "grade": [0, 1, 0, 1, 1, 0],
            }
        ),
        folder / "pairs.parquet",
    )
    products = {"product": ["p1", "p2", "p3"], "title": ["ab", " b ", LONG], "maker": ["m1", None, "m2"]}
    pq.write_table(pa.table(products), folder / "products.parquet")
    pq.write_table(pa.table({"maker": ["m1", "m2"], "name": ["cc", "d"]}), folder / "makers.parquet")


def schema(of: list[str], **tasks: Task) -> Schema:
    return Schema(
        tables={
            "pairs": Table(source="pairs.parquet", keys={"product": "products"}),
            "products": Table(source="products.parquet", id="product", keys={"maker": "makers"}),
            "makers": Table(source="makers.parquet", id="maker"),
        },
        features={"pairs.both": Text(of=of), "pairs.query": Text(), "products.title": Text()},
        tasks=tasks or {"good": Task(table="pairs", kind="binary", label="grade")},
        split=Split(by="random", valid=0, test=0),
        seed=1,
    )


def test_parts_are_reached_along_keys_and_put_together(tmp_path: Path) -> None:
    write(tmp_path)
    encoder = Letters()
    made = prepare(schema(["query", "product.title", "product.maker.name"]), tmp_path, tmp_path / "cache", encoder)
    texts = ["a|ab|cc", "bb|b|", "|ab|cc", "c c||", "d||", f"a|{LONG}|d"]
    assert {t.replace("|", JOINT).strip() for t in texts} <= set(encoder.asked)
    assert made.tables["pairs"].vectors["pairs.both"][1].tolist() == [2, 1, 2, 0]


def test_rows_from_outside_reach_the_same(tmp_path: Path) -> None:
    write(tmp_path)
    for reads in (Letters(), Characters()):
        made = prepare(schema(["query", "product.title", "product.maker.name"]), tmp_path, tmp_path / "cache", reads)
        found = apply(made, "pairs", pq.read_table(tmp_path / "pairs.parquet"), reads)
        for name, vectors in made.tables["pairs"].vectors.items():
            assert torch.equal(found.vectors[name], vectors)
        for name, words in made.tables["pairs"].words.items():
            assert torch.equal(found.words[name].ids, words.ids)
            assert torch.equal(found.words[name].places, words.places)


def test_a_part_that_the_label_names_hides_the_whole(tmp_path: Path) -> None:
    asked = {
        "good": Task(table="pairs", kind="binary", label="grade"),
        "find": Task(table="pairs", kind="retrieval", label="product"),
    }
    both = arrange(schema(["query", "product.title"], **asked), {"good": ["grade"], "find": ["product"]})
    hidden = {task: group.hidden for group in both.groups for task in group.tasks}
    assert "pairs/pairs.both" not in hidden["good"]
    assert hidden["find"] == ["pairs/pairs.both"]


def test_a_label_inside_it_hides_it_unless_inputs_name_it(tmp_path: Path) -> None:
    task = Task(table="pairs", kind="multiclass", label="query")
    with_title = schema(["query", "product.title"], topic=task)
    seats = arrange(with_title, {"topic": ["query"]})
    assert "pairs" not in seats.groups[0].roles
    opened = schema(["query", "product.title"], topic=task.model_copy(update={"inputs": ["pairs.both"]}))
    assert seats.groups[0].roles == ["products"]
    assert arrange(opened, {"topic": ["query"]}).groups[0].roles == ["pairs"]


def test_words_of_the_refusals(tmp_path: Path) -> None:
    write(tmp_path)
    recipe = {
        "name": "x",
        "tables": {
            "pairs": {"source": "pairs.parquet", "keys": {"product": "products"}},
            "products": {"source": "products.parquet", "id": "product"},
        },
        "tasks": {"good": {"table": "pairs", "kind": "binary", "label": "grade"}},
    }
    known = r"`of` should name columns of table `pairs`, or `key.column`.*Found `prodct.title`.*Did you mean `product`"
    with pytest.raises(RecipeError, match=known):
        load_recipe({**recipe, "features": {"pairs.both": {"kind": "text", "of": ["query", "prodct.title"]}}})
    with pytest.raises(DataError, match="Feature `pairs.both`: there should be a column `titel` in table `products`"):
        prepare(schema(["query", "product.titel"]), tmp_path, tmp_path / "cache", Letters())
    with pytest.raises(RecipeError, match=r"prodct.title"):
        prepare(schema(["query", "prodct.title"]), tmp_path, tmp_path / "cache", Letters())


def test_the_check_looks_at_the_parts(tmp_path: Path) -> None:
    write(tmp_path)
    assert not [f for f in check(schema(["query", "product.title"]), tmp_path) if f.name == "columns" and f.status == "FAIL"]
    wrong = [f for f in check(schema(["query", "product.titel"]), tmp_path) if f.status == "FAIL"]
    assert [(f.name, f.table, f.column) for f in wrong] == [("columns", "products", "titel")]


def test_what_is_to_be_found_may_be_left_out(tmp_path: Path) -> None:
    write(tmp_path)
    find = Task(table="pairs", kind="retrieval", label="product")
    made = prepare(schema(["query", "query"], find=find), tmp_path, tmp_path / "cache", Letters())
    found = apply(made, "pairs", pa.table({"query": ["a", "bb"]}), Letters())
    assert found.matrix[1:, found.layout.keys["product"]].tolist() == [0, 0]
    assert found.vectors["pairs.query"][1:].tolist() == [[1, 0, 0, 0], [0, 2, 0, 0]]
    other = prepare(schema(["query", "product.title"]), tmp_path, tmp_path / "cache", Letters())
    with pytest.raises(DataError, match=r"Key `pairs.product`"):
        apply(other, "pairs", pa.table({"query": ["a"]}), Letters())
