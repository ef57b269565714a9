"""Cells of pictures: paths, bytes, both; what is refused and why."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from plait.data.media.cells import folder_of, read_cells, state_of
from plait.errors import DataError


def test_paths_start_from_the_tables_folder(tmp_path: Path) -> None:
    column = pa.chunked_array([["a.png", None, " b/c.png "], ["", "a.png", str(tmp_path / "d.png")]])
    cells = read_cells("t.photo", column, tmp_path / "in", "image")
    assert cells.origins == [tmp_path / "in" / "a.png", tmp_path / "in" / "b" / "c.png", tmp_path / "d.png"]
    assert cells.places.tolist() == [0, -1, 1, -1, 0, 2]
    assert [cells.row(place) for place in range(3)] == [1, 3, 6]


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
def test_bytes_are_the_content(kind: pa.DataType) -> None:
    cells = read_cells("t.photo", pa.array([b"x", None, b"", b"yy", b"x"], kind), None, "image")
    assert cells.origins == [b"x", b"yy"]
    assert cells.places.tolist() == [0, -1, -1, 1, 0]


def test_bytes_and_path_as_hugging_face_datasets_write_them(tmp_path: Path) -> None:
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    rows = [{"bytes": b"x", "path": "x.png"}, {"bytes": None, "path": "y.png"}, {"bytes": None, "path": None}, None]
    cells = read_cells("t.photo", pa.array(rows, kind), tmp_path, "image")
    assert cells.origins == [b"x", tmp_path / "y.png"]
    assert cells.places.tolist() == [0, 1, -1, -1]


def test_a_data_url_carries_its_content() -> None:
    sent = base64.b64encode(b"content").decode()
    column = pa.array([f"data:image/png;base64,{sent}", "data:image/png;base64,%%%", "data:,words"])
    assert read_cells("t.photo", column, None, "image").origins == [b"content", b"\0", b"\0"]


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothing is downloaded .* Found the URL `https://x.org/a.png` in row 2"):
        read_cells("t.photo", pa.array(["a.png", "https://x.org/a.png"]), tmp_path, "image")
    with pytest.raises(DataError, match=r"no file may be read here. Found the path `/etc/passwd` in row 1"):
        read_cells("t.photo", pa.array(["/etc/passwd"]), None, "image")
    with pytest.raises(DataError, match=r"`t.photo` is read as image .* Found\s+int64"):
        read_cells("t.photo", pa.array([1]), tmp_path, "image")
    with pytest.raises(DataError, match=r"Found structs of \['a'\]"):
        read_cells("t.photo", pa.array([{"a": 1}]), tmp_path, "image")


def test_an_empty_column(tmp_path: Path) -> None:
    for column in (pa.array([], pa.string()), pa.nulls(3), pa.array([None, None], pa.binary())):
        cells = read_cells("t.photo", column, tmp_path, "image")
        assert cells.origins == []
        assert (cells.places == -1).all()
        assert cells.places.dtype == np.int64


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("items.parquet", ""),
        ("shop/items.parquet", "shop"),
        ("shop/parts", "shop/parts"),
        ("shop/parts/*.parquet", "shop/parts"),
        ("shop/*/x[0-9].parquet", "shop"),
        ("sqlite:///shop/shop.db#items", "shop"),
        ("postgres://host/db#items", ""),
        (None, ""),
    ],
)
def test_the_folder_of_a_source(tmp_path: Path, source: str | None, found: str) -> None:
    (tmp_path / "shop" / "parts").mkdir(parents=True)
    (tmp_path / "shop" / "shop.db").touch()
    assert folder_of(source, tmp_path) == tmp_path / found


def test_the_state_follows_the_files(tmp_path: Path) -> None:
    column = pa.array(["a", "b"])
    states = []

    def look() -> None:
        states.append(state_of(read_cells("t.photo", column, tmp_path, "image")))

    look()
    (tmp_path / "a").write_bytes(b"1")
    look()
    (tmp_path / "a").write_bytes(b"22")
    look()
    os.utime(tmp_path / "a", ns=(1, 1))
    look()
    assert len(set(states)) == 4
    look()
    assert states[-1] == states[-2]
