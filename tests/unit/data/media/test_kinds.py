"""Columns of pictures and sounds are recognised, and the check tells what cannot be read."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image as Pillow

from plait.data.check.checks import check
from plait.data.check.finding import lines
from plait.data.infer.features import infer_features
from plait.data.media.kinds import look_of
from plait.schema import Audio, Category, Id, Ignore, Image, Schema, Split, Table, Task
from support.pictures import png
from support.tones import tone, wav

PICTURE, SOUND = png(Pillow.new("RGB", (8, 8), "red")), wav(tone(440, 0.05))


@pytest.mark.parametrize(
    ("values", "look"),
    [
        (["a/1.JPG", None, " b.png", ""], "image"),
        (["a.wav", "b.mp3", "c.ogg"], "audio"),
        (["data:image/png;base64,AAAA"], "image"),
        (["https://x.org/a.jpg?size=2", "http://x.org/b.png"], "image url"),
        (["https://x.org/a.wav"], "audio url"),
        (["a.png", "b.txt", "c"], ""),
        (["red", "blue"], ""),
        ([None, None], ""),
        ([PICTURE, None, PICTURE], "image"),
        ([SOUND, b""], ""),
        ([SOUND], "audio"),
        ([b"\xff\xd8\xff\xe0", b"RIFF....WEBPVP8 ", b"\0\0\0\x1cftypavif"], "image"),
        ([b"PK\3\4", PICTURE], ""),
        ([{"bytes": PICTURE, "path": "a.png"}], "image"),
        ([{"bytes": None, "path": "a.flac"}], "audio"),
        ([{"a": 1}], ""),
        ([1, 2], ""),
    ],
)
def test_what_a_column_looks_like(values: list[object], look: str) -> None:
    both = isinstance(values[0], dict) and "path" in values[0]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())]) if both else None
    assert look_of(pa.chunked_array([pa.array(values, kind)])) == look


def write(folder: Path, photos: list[str | None]) -> Schema:
    for number in range(12):
        (folder / f"{number}.png").write_bytes(png(Pillow.new("RGB", (8, 8), (20 * number, 0, 0))))
    rows = len(photos)
    table = pa.table(
        {
            "item": [f"i{i}" for i in range(rows)],
            "photo": photos,
            "jingle": [wav(tone(300 + i, 0.05)) for i in range(rows)],
            "link": [f"https://x.org/{i}.jpg" for i in range(rows)],
            "kind": ["ab"[i % 2] for i in range(rows)],
            "good": [i % 2 for i in range(rows)],
        }
    )
    pq.write_table(table, folder / "items.parquet")
    return Schema(
        tables={"items": Table(source="items.parquet", id="item")},
        features={},
        tasks={"good": Task(table="items", kind="binary", label="good")},
        split=Split(by="random"),
        seed=1,
    )


def test_features_are_inferred(tmp_path: Path) -> None:
    schema = write(tmp_path, [f"{i}.png" for i in range(12)] * 10)
    found = infer_features(schema.tables, tmp_path)
    assert found["items.photo"] == Image()
    assert found["items.jingle"] == Audio()
    assert isinstance(found["items.link"], Ignore)
    assert isinstance(found["items.kind"], Category)
    assert isinstance(found["items.item"], Ignore | Id)


def media(schema: Schema, folder: Path) -> list[str]:
    return lines([found for found in check(schema, folder) if found.name == "media"])


def test_the_check_tells_what_cannot_be_read(tmp_path: Path) -> None:
    schema = write(tmp_path, [f"{i}.png" for i in range(12)] * 10)
    photo, jingle = media(schema, tmp_path)
    assert photo == "PASS  media  items.photo   120 pictures, all can be read"
    assert jingle == "PASS  media  items.jingle  120 sounds, all can be read"
    (tmp_path / "3.png").unlink()
    (tmp_path / "4.png").write_bytes(PICTURE[:-30])
    photo, *examples, jingle = media(schema, tmp_path)
    assert photo.startswith(
        "WARN  media  items.photo   20 of 120 pictures cannot be read and count as missing: 10 no such file"
    )
    assert "10 no such file (row 4:" in photo
    assert "10 damaged (row 5:" in photo
    assert len(examples) == 2
    assert "photo=3.png" in examples[0]
    for number in range(12):
        (tmp_path / f"{number}.png").unlink(missing_ok=True)
    assert media(schema, tmp_path)[0].startswith("FAIL  media  items.photo   120 of 120 pictures cannot be read")


def test_the_check_refuses_urls(tmp_path: Path) -> None:
    schema = write(tmp_path, [None] * 30).model_copy(update={"features": {"items.link": Image(), "items.photo": Image()}})
    found = media(schema, tmp_path)
    photo, link = (next(line for line in found if f"items.{name}" in line) for name in ("photo", "link"))
    assert photo.endswith("should hold pictures. Found none in any row; write `ignore`.")
    assert "Found the URL `https://x.org/0.jpg` in row 1. Download the files" in link


def test_a_sound_that_lies_about_itself_is_told(tmp_path: Path) -> None:
    schema = write(tmp_path, [f"{i}.png" for i in range(12)] * 10)
    table = pq.read_table(tmp_path / "items.parquet")
    jingles = table["jingle"].to_pylist()
    jingles[7] = SOUND.replace(b"\x01\x00\x01\x00\x80>", b"\x01\x00\x00\x00\x80>")  # no channels
    column = table.column_names.index("jingle")
    pq.write_table(table.set_column(column, "jingle", pa.array(jingles)), tmp_path / "items.parquet")
    found = next(line for line in media(schema, tmp_path) if "items.jingle" in line)
    assert found.startswith(
        "WARN  media  items.jingle  1 of 120 sounds cannot be read and count as missing: 1 damaged (row 8:"
    )
