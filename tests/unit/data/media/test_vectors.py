"""Pictures are encoded each content once, kept by content, and never trusted when damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from PIL import Image

from plait.data.media.medium import Pictures
from plait.data.media.vectors import encode_media
from support.pictures import png


class Colours:
    """Encode a picture as its mean colour; remembers how many it was asked for."""

    dim, size, crop = 3, 4, 1.0
    fingerprint = "colours"

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.float16]:
        self.asked += len(pictures)
        return pictures.mean((1, 2)).astype(np.float16)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of three pictures, two of the same content."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, colour in {"red": (200, 0, 0), "again": (200, 0, 0), "blue": (0, 0, 100)}.items():
        (folder / f"{name}.png").write_bytes(png(Image.new("RGB", (9, 5), colour)))
    return folder


def test_each_content_once_and_nothing_for_none(photos: Path, tmp_path: Path) -> None:
    encoder = Colours()
    told: list[tuple[str, int, int]] = []
    column = pa.array(["red.png", None, "again.png", "", "blue.png", "red.png"])
    found = encode_media(
        "t.photo", column, Pictures(encoder), photos, tmp_path, lambda *what: told.append((what[0], what[1], what[2]))
    )
    assert encoder.asked == 2
    assert found.vectors.tolist() == [[200, 0, 0], [0] * 3, [200, 0, 0], [0] * 3, [0, 0, 100], [200, 0, 0]]
    assert found.vectors.dtype == np.float16
    assert found.failures.failed == 0
    assert found.failures.rows == 4
    assert told == [("pictures of t.photo", 2, 2)]


def test_no_rows(tmp_path: Path) -> None:
    for column in (pa.array([], pa.string()), pa.nulls(2)):
        found = encode_media("t.photo", column, Pictures(Colours()), tmp_path, tmp_path)
        assert found.vectors.shape == (len(column), 3)
        assert not found.vectors.any()


def test_what_cannot_be_read_is_missing_counted_and_told(photos: Path) -> None:
    (photos / "cut.png").write_bytes((photos / "red.png").read_bytes()[:-25])
    (photos / "words.png").write_text("no picture")
    (photos / "huge.png").touch()
    with (photos / "huge.png").open("r+b") as file:
        file.truncate((64 << 20) + 1)
    names = ["red.png", "gone.png", "cut.png", "words.png", "gone.png", "huge.png", ".", "a\0b", "/dev/zero", None]
    found = encode_media("t.photo", pa.array(names), Pictures(Colours()), photos, None)
    assert found.vectors[0].tolist() == [200, 0, 0]
    assert not found.vectors[1:].any()
    assert found.failures.counts == {
        "no such file": 2,
        "damaged": 1,
        "no picture of a known format": 1,
        "larger than 64 MiB": 1,
        "no file but a folder or device": 2,
        "no file that can be opened": 1,
    }
    said = found.failures.say("picture")
    assert said.startswith("8 of 9 pictures cannot be read and count as missing: 2 no such file (row 2: ")
    assert f"{photos / 'gone.png'})" in said


@pytest.mark.parametrize("change", ["nothing", "picture", "more", "encoder", "damage"])
def test_kept_by_encoder_and_content(photos: Path, tmp_path: Path, change: str) -> None:
    column = pa.array(["red.png", "blue.png"])
    before = encode_media("t.photo", column, Pictures(Colours()), photos, tmp_path).vectors
    again = Colours()
    if change == "picture":
        (photos / "red.png").write_bytes(png(Image.new("RGB", (9, 5), (9, 9, 9))))
    elif change == "more":
        (photos / "new.png").write_bytes(png(Image.new("RGB", (9, 5), (9, 9, 9))))
        column = pa.array(["red.png", "blue.png", "new.png"])
    elif change == "encoder":
        again.fingerprint = "other colours"
    elif change == "damage":
        file = next((tmp_path / "media").rglob("*.parquet"))
        data = bytearray(file.read_bytes())
        data[60] ^= 1
        file.write_bytes(data)
    after = encode_media("u.photo", column, Pictures(again), photos, tmp_path).vectors
    assert again.asked == {"nothing": 0, "picture": 1, "more": 1, "encoder": 2, "damage": 2}[change]
    assert (after[1] == before[1]).all()
    assert (after[0] == before[0]).all() == (change != "picture")
