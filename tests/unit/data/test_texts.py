"""Texts are encoded once, kept by content, and never trusted when damaged."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from tests.unit.data.shop import Letters

from plait.data.texts import encode_texts


def test_each_text_once_and_nothing_for_none(tmp_path: Path) -> None:
    encoder = Letters()
    column = pa.chunked_array([["ab", None, "  ab "], ["", "日本b"]])
    found = encode_texts("t.x", column, encoder, tmp_path)
    assert encoder.asked == ["ab", "日本b"]
    assert found.tolist() == [[1, 1, 0, 0], [0] * 4, [1, 1, 0, 0], [0] * 4, [0, 1, 0, 0]]
    assert encode_texts("t.x", pa.array([], pa.string()), encoder, tmp_path).shape == (0, 4)
    assert encode_texts("t.x", pa.array([None, None]), encoder, tmp_path).tolist() == [[0] * 4] * 2
    assert encode_texts("t.x", pa.array([3, 4]), encoder, None).shape == (2, 4), "numbers are read as they are written"


@pytest.mark.parametrize("change", ["nothing", "text", "encoder", "damage"])
def test_kept_by_encoder_and_text(tmp_path: Path, change: str) -> None:
    column = pa.array(["a", "b" * 9])
    before = encode_texts("t.x", column, Letters(), tmp_path)
    again = Letters()
    if change == "text":
        column = pa.array(["a", "c" * 9])
    elif change == "encoder":
        again.fingerprint = "other letters"
    elif change == "damage":
        file = next((tmp_path / "texts").iterdir())
        data = bytearray(file.read_bytes())
        data[30] ^= 1
        file.write_bytes(data)
    after = encode_texts("t.x", column, again, tmp_path)
    assert bool(again.asked) == (change != "nothing")
    assert (after == before).all() == (change != "text")
