"""Pictures on their way from a table's file to the tensors of a batch."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image as Pillow
from tests.unit.data.media.test_vectors import Colours

from plait.data.apply import apply
from plait.data.columns import Prepared
from plait.data.gather import gather
from plait.data.media.medium import MediaEncoders
from plait.data.prepare import load, prepare
from plait.errors import DataError, RecipeError
from plait.schema import Image, Number, Schema, Split, Table, Task
from support.pictures import png

SCHEMA = Schema(
    tables={"items": Table(source="shop/items.parquet", id="item")},
    features={"items.photo": Image(), "items.price": Number()},
    tasks={"good": Task(table="items", kind="binary", label="good")},
    split=Split(by="random"),
    seed=1,
)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Items with pictures beside their table, one of them gone."""
    (tmp_path / "shop" / "photos").mkdir(parents=True)
    names = [None if i == 3 else f"photos/{i % 5}.png" for i in range(40)]
    for i in range(4):
        (tmp_path / "shop" / "photos" / f"{i}.png").write_bytes(png(Pillow.new("RGB", (6, 6), (40 * i + 10, 5, 0))))
    table = pa.table(
        {
            "item": [f"i{i}" for i in range(40)],
            "photo": names,
            "price": [float(i) for i in range(40)],
            "good": [i % 2 for i in range(40)],
        }
    )
    pq.write_table(table, tmp_path / "shop" / "items.parquet")
    return tmp_path


def ready(shop: Path, encoder: Colours) -> Prepared:
    return prepare(SCHEMA, shop, shop / "cache", media=MediaEncoders(encoder))


def test_a_picture_becomes_the_vector_of_its_row(shop: Path) -> None:
    encoder = Colours()
    prepared = ready(shop, encoder)
    assert encoder.asked == 4
    vectors = prepared.tables["items"].vectors["items.photo"]
    assert vectors.shape == (41, 3)
    assert vectors.dtype == torch.float16
    assert vectors[:7].tolist() == [[0] * 3, [10, 5, 0], [50, 5, 0], [90, 5, 0], [0] * 3, [0] * 3, [10, 5, 0]]
    assert gather(prepared, "items", torch.tensor([2, 5])).roles["items"].vectors["items.photo"].tolist() == [
        [50, 5, 0],
        [0] * 3,
    ]
    (note,) = prepared.plan.notes
    assert note.startswith("`items.photo`: 8 of 39 pictures cannot be read and count as missing: 8 no such file (row 5: ")
    again = load(prepared.folder)
    assert torch.equal(again.tables["items"].vectors["items.photo"], vectors)


def test_prepared_again_where_a_file_changed(shop: Path) -> None:
    first, again = ready(shop, Colours()), Colours()
    assert ready(shop, again).folder == first.folder
    assert again.asked == 0
    (shop / "shop" / "photos" / "4.png").write_bytes(png(Pillow.new("RGB", (6, 6), (250, 5, 0))))
    changed = ready(shop, again)
    assert changed.folder != first.folder
    assert again.asked == 1, "what was encoded before is kept"
    assert changed.tables["items"].vectors["items.photo"][5].tolist() == [250, 5, 0]
    assert changed.plan.notes == []


def test_new_rows_read_the_same_way(shop: Path) -> None:
    prepared = ready(shop, Colours())
    rows = pa.table({"photo": ["photos/2.png", None, "photos/none.png"], "price": [1.0, 2.0, 3.0]})
    encoder = MediaEncoders(Colours())
    found = apply(prepared, "items", rows, media=encoder, files=shop / "shop").vectors["items.photo"]
    assert found.tolist() == [[0] * 3, [90, 5, 0], [0] * 3, [0] * 3]
    with pytest.raises(DataError, match="no file may be read here"):
        apply(prepared, "items", rows, media=encoder)
    content = pa.table({"photo": [png(Pillow.new("RGB", (2, 2), (7, 7, 7)))], "price": [1.0]})
    assert apply(prepared, "items", content, media=encoder).vectors["items.photo"][1].tolist() == [7, 7, 7]


def test_a_picture_without_an_encoder(shop: Path) -> None:
    with pytest.raises(RecipeError, match=r"Feature `items.photo` is image and needs an encoder"):
        prepare(SCHEMA, shop, shop / "cache")
