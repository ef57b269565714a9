"""Tables to tensors: what is packed where, reuse, serving parity, streaming."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from tests.unit.data.shop import Letters, shop_schema, write_shop
from torch import Tensor

from plait.data.apply import apply
from plait.data.columns import Columns, Prepared
from plait.data.prepare import load, prepare
from plait.errors import DataError, RecipeError
from plait.schema import Category, Id, Number, Schema, Split, Table, Task


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Prepared, Letters]:
    """The prepared shop."""
    folder = tmp_path_factory.mktemp("shop")
    write_shop(folder)
    encoder = Letters()
    return folder, prepare(shop_schema(), folder, folder / "cache", encoder), encoder


def _same(a: Tensor, b: Tensor) -> bool:
    return a.dtype == b.dtype and torch.equal(a.nan_to_num(-9), b.nan_to_num(-9))


def _equal(a: Columns, b: Columns, parts: bool = True) -> None:
    assert a.layout == b.layout
    assert torch.equal(a.matrix, b.matrix)
    for one, other in ((a.vectors, b.vectors), (a.labels, b.labels), (a.weights, b.weights)):
        assert one.keys() == other.keys()
        assert all(_same(one[k], other[k]) for k in one)
    assert not parts or torch.equal(a.part, b.part)


def test_what_comes_back_from_the_disk_is_what_was_made(shop: tuple[Path, Prepared, Letters]) -> None:
    _, made, _ = shop
    read = load(made.folder)
    assert read.layout == made.layout
    assert read.plan.schema == made.plan.schema
    for name, columns in made.tables.items():
        _equal(read.tables[name], columns)
    for name, events in made.histories.items():
        other = read.histories[name]
        assert torch.equal(events.items, other.items)
        assert torch.equal(events.now, other.now)
        assert all(torch.equal(events.spans[t], other.spans[t]) for t in events.spans)
        assert other.last == 3


def test_types_and_shapes(shop: tuple[Path, Prepared, Letters]) -> None:
    _, made, _ = shop
    for name, columns in made.tables.items():
        layout = made.layout.tables[name]
        rows = layout.rows + 1
        assert columns.matrix.dtype == torch.int32
        assert columns.matrix.shape == (rows, layout.codes + len(layout.keys) + layout.numbers)
        assert columns.part.dtype == torch.uint8
        assert columns.part[0] == 0
        for task, label in columns.labels.items():
            assert label.dtype == torch.float32
            assert label.shape == (rows, made.layout.tasks[task].label_width)
            assert torch.isnan(label[0, 0])
        for vector in columns.vectors.values():
            assert vector.dtype == torch.float16
            assert not vector[0].any()
        codes = columns.matrix[:, : layout.codes]
        assert codes.min() >= 0
        assert codes.max(initial=0) < layout.vocabulary if layout.codes == 0 else int(codes.max()) < layout.vocabulary
    assert made.histories["users.recent"].items.dtype == torch.int32


def test_every_feature_owns_its_codes(shop: tuple[Path, Prepared, Letters]) -> None:
    _, made, _ = shop
    layout = made.layout.tables["items"]
    place = 1
    for feature in layout.features:
        if not feature.slots:
            continue
        assert feature.first == place
        place += feature.size
        codes = made.tables["items"].matrix[:, feature.slots]
        assert ((codes == 0) | ((codes >= feature.first) & (codes < feature.first + feature.size))).all()
    assert layout.vocabulary == place


def test_keys_are_row_numbers(shop: tuple[Path, Prepared, Letters]) -> None:
    folder, made, _ = shop
    layout = made.layout.tables["visits"]
    raw = pq.read_table(folder / "visits.parquet")
    items = made.plan.vocabulary("items.item")
    found = made.tables["visits"].matrix[1:, layout.keys["item"]].numpy()
    expected = [v if v is not None and int(v[1:]) < 30 else None for v in raw.column("item").to_pylist()]
    assert items.decode(found).to_pylist() == expected
    users = made.tables["visits"].matrix[1:, layout.keys["user"]].tolist()
    assert users == [int(u) if u <= 20 else 0 for u in raw.column("user").to_pylist()]
    assert any("`visits.item`" in note and "no partner in table `items`" in note for note in made.plan.notes)


def test_labels_and_rows(shop: tuple[Path, Prepared, Letters]) -> None:
    folder, made, _ = shop
    raw = pq.read_table(folder / "visits.parquet")
    bought = [np.nan if v is None else float(v) for v in raw.column("bought").to_pylist()]
    assert np.array_equal(made.tables["visits"].labels["buy"][1:, 0].numpy(), np.float32(bought), equal_nan=True)
    rows = made.rows("next", "train")
    assert rows.dtype == torch.int64
    target = made.tables["visits"].matrix[rows, made.layout.tables["visits"].keys["item"]]
    assert (target > 0).all()
    assert (made.tables["visits"].labels["buy"][rows, 0] == 1).all()
    train = made.tables["visits"].labels["buy"][made.rows("buy", "train"), 0]
    assert made.layout.tasks["buy"].mean == pytest.approx(train.mean().item())
    with pytest.raises(RecipeError, match="`bye` is no task of this recipe.*Did you mean `buy`"):
        made.rows("bye", "train")
    with pytest.raises(RecipeError, match="one of .*Found `dev`"):
        made.rows("buy", "dev")


def test_many_values_are_padded_and_cut(shop: tuple[Path, Prepared, Letters]) -> None:
    folder, made, _ = shop
    feature = next(f for f in made.layout.tables["items"].features if f.name == "items.tags")
    assert len(feature.slots) == 3
    raw = [
        [t.strip() for t in (v or "").split("|") if t.strip()]
        for v in pq.read_table(folder / "items.parquet")["tags"].to_pylist()
    ]
    codes = made.tables["items"].matrix[1:, feature.slots].numpy()
    vocabulary = made.plan.vocabulary("items.tags")
    for row, tags in zip(codes, raw, strict=True):
        kept = tags[:3]
        assert [bool(c) for c in row] == [True] * len(kept) + [False] * (3 - len(kept))
        back = vocabulary.decode(np.maximum(row[: len(kept)] - feature.first, 0)).to_pylist()
        assert all(b in (None, t) for b, t in zip(back, kept, strict=True))


def test_numbers_come_from_the_training_part_and_missing_ones_are_marked(shop: tuple[Path, Prepared, Letters]) -> None:
    folder, made, _ = shop
    columns = made.tables["visits"]
    layout = columns.layout
    pages = next(f for f in layout.features if f.name == "visits.pages")
    assert len(pages.numbers) == 1
    place = layout.codes + len(layout.keys) + pages.numbers[0]
    values = columns.matrix[:, place].contiguous().view(torch.float32)
    train = values[columns.part == 1]
    assert abs(train.mean()) < 1e-4
    assert abs(train.std(correction=0) - 1) < 1e-3
    price = next(f for f in made.layout.tables["items"].features if f.name == "items.price")
    items = made.tables["items"]
    block = items.matrix[:, items.layout.codes :].contiguous().view(torch.float32)[:, price.numbers]
    assert block[[0, 4, 5]].tolist() == [[0.0, 1.0]] * 3, "row 0, NaN and infinite are missing"
    assert block[1, 1] == 0
    assert folder.exists()


def test_ids_are_those_that_training_examples_reach(shop: tuple[Path, Prepared, Letters]) -> None:
    _, made, _ = shop
    visits = made.tables["visits"]
    reached = visits.matrix[visits.part == 1][:, visits.layout.keys["item"]].unique().tolist()
    known = made.plan.vocabulary("items.item").decode(np.array([r for r in reached if r])).to_pylist()
    assert sorted(known) == made.plan.codes["items.item"].values.to_pylist()


def test_texts_are_encoded_once_and_empty_ones_are_zeros(shop: tuple[Path, Prepared, Letters], tmp_path: Path) -> None:
    folder, made, encoder = shop
    assert len(encoder.asked) == len(set(encoder.asked))
    vectors = made.tables["items"].vectors["items.title"]
    assert not vectors[[7, 8]].any()
    assert vectors[4].tolist() == [1, 1, 1, 0]
    again = Letters()
    schema = shop_schema().model_copy(update={"seed": 4})
    prepare(schema, folder, folder / "cache", again)
    assert again.asked == [], "another seed is another preparation, but not another text"


@pytest.mark.parametrize("table", ["visits", "items", "users"])
def test_serving_sees_what_training_saw(shop: tuple[Path, Prepared, Letters], table: str) -> None:
    folder, made, encoder = shop
    if table == "users":
        rows = pa.table(
            {
                "user": pa.array(range(1, 21)),
                "age": pa.array([u % 7 * 10 if u % 4 else None for u in range(1, 21)]),
                "town": [f"t{u % 3}" for u in range(1, 21)],
            }
        )
    else:
        rows = pq.read_table(folder / f"{table}.parquet")
    _equal(apply(made, table, rows, encoder), made.tables[table], parts=False)
    some = apply(made, table, rows.slice(3, 1), encoder)
    # Numbers of groups that are no key only say which rows of one batch belong together.
    kept = [i for i in range(some.matrix.shape[1]) if i != some.layout.keys.get("device")]
    assert torch.equal(some.matrix[1, kept], made.tables[table].matrix[4, kept])


def test_new_rows_without_labels_and_with_unseen_values(shop: tuple[Path, Prepared, Letters]) -> None:
    _, made, _ = shop
    rows = pa.table(
        {
            "user": [1, 99],
            "item": ["i1", "new"],
            "pages": [1.0, None],
            "device": ["toaster", None],
            "at": pa.array([0, None], pa.timestamp("us")),
        }
    )
    found = apply(made, "visits", rows)
    assert found.labels == {}, "the columns of no label of visits are all here"
    device = next(f for f in found.layout.features if f.name == "visits.device")
    assert found.matrix[1:, device.slots[0]].tolist() == [device.first, 0]
    assert found.matrix[1:, found.layout.keys["user"]].tolist() == [1, 0]
    assert found.part.tolist() == [0, 0, 0]
    empty = apply(made, "visits", rows.slice(0, 0))
    assert empty.matrix.shape[0] == 1
    with pytest.raises(DataError, match="Feature `visits.device`: there should be a column `device`.*Did you mean `devise`"):
        apply(made, "visits", rows.rename_columns(["user", "item", "pages", "devise", "at"]))
    with pytest.raises(RecipeError, match="There should be a table `visit`.*Did you mean `visits`"):
        apply(made, "visit", rows)


def test_nothing_is_done_twice_and_changes_are_seen(tmp_path: Path) -> None:
    write_shop(tmp_path)
    schema = shop_schema(buy=Task(table="visits", kind="binary", label="bought"))
    first = prepare(schema, tmp_path, tmp_path / "cache", Letters())
    told: list[str] = []
    second = prepare(schema, tmp_path, tmp_path / "cache", Letters(), lambda what, done, total: told.append(what))
    assert (second.folder, told) == (first.folder, [])
    write_shop(tmp_path, 401)
    third = prepare(schema, tmp_path, tmp_path / "cache", Letters(), lambda what, done, total: told.append(what))
    assert third.folder != first.folder
    assert told
    assert [p.name for p in (tmp_path / "cache").iterdir() if p.name.startswith(".")] == []


def test_a_large_table_is_streamed_to_the_same_matrix(shop: tuple[Path, Prepared, Letters], tmp_path: Path) -> None:
    folder, made, encoder = shop
    streamed = prepare(shop_schema(), folder, tmp_path, encoder, memory=0)
    assert (streamed.folder / "tables" / "visits.matrix").exists()
    for name in made.tables:
        _equal(streamed.tables[name], made.tables[name])
        _equal(load(streamed.folder).tables[name], made.tables[name])


def test_outside_values_of_rows(shop: tuple[Path, Prepared, Letters]) -> None:
    _, made, _ = shop
    found = made.raw("items", torch.tensor([3, 0, 1]))
    assert found.column("item").to_pylist() == ["i2", None, "i0"]
    assert "vector" not in found.column_names
    with pytest.raises(RecipeError, match=r"Outside values are kept of tables with an `id`: \['items', 'users'\]"):
        made.raw("visits", torch.tensor([1]))


@pytest.mark.parametrize("by", ["auto", "time", "user", "last", "random"])
def test_every_split_prepares(tmp_path: Path, by: str) -> None:
    write_shop(tmp_path)
    buy = Task(table="visits", kind="binary", label="bought")
    made = prepare(shop_schema(Split(by=by), buy=buy), tmp_path, tmp_path / "c", Letters())  # type: ignore[arg-type]
    assert all(len(made.rows("buy", part)) > 0 for part in ("train", "valid", "test"))
    users = made.tables["visits"].matrix[:, made.layout.tables["visits"].keys["user"]]
    if by == "user":
        assert not set(users[made.rows("buy", "train")].tolist()) & set(users[made.rows("buy", "test")].tolist()) - {0}


def test_a_table_of_distinct_values(tmp_path: Path) -> None:
    pq.write_table(pa.table({"who": ["b", "a", None, "b", "c"] * 4, "y": [0, 1, 1, 0, 1] * 4}), tmp_path / "e.parquet")
    schema = Schema(
        tables={"e": Table(source="e.parquet", keys={"who": "people"}), "people": Table(of="e.who")},
        features={"people.who": Id()},
        tasks={"y": Task(table="e", kind="binary", label="y")},
        split=Split(),
        seed=0,
    )
    made = prepare(schema, tmp_path, tmp_path / "c")
    assert made.raw("people", torch.tensor([1, 2, 3])).column("who").to_pylist() == ["a", "b", "c"]
    assert made.tables["e"].matrix[1:6, 0].tolist() == [2, 1, 0, 2, 3]


def test_hillstrom(shared_data: Path, tmp_path: Path) -> None:
    schema = Schema(
        tables={"mail": Table(source="hillstrom/*.parquet")},
        features={
            "mail.recency": Number(),
            "mail.history": Number(),
            "mail.zip_code": Category(),
            "mail.channel": Category(),
        },
        tasks={
            "visit": Task(table="mail", kind="binary", label="visit"),
            "buy": Task(table="mail", kind="binary", label="conversion", where="visit = 1"),
            "spend": Task(table="mail", kind="amount", label="spend"),
        },
        split=Split(),
        seed=1,
    )
    made = prepare(schema, shared_data, tmp_path)
    assert made.layout.tasks["visit"].mean == pytest.approx(0.147, abs=0.01)
    assert len(made.rows("buy", "train")) < len(made.rows("visit", "train")) / 5
