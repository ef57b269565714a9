"""Texts are encoded once, kept by content, and never trusted when damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.unit.data.shop import Letters

from plait.data.text.vectors import encode_texts
from plait.progress import Tell


def test_each_text_once_and_nothing_for_none(tmp_path: Path) -> None:
    encoder = Letters()
    column = pa.chunked_array([["ab", None, "  ab "], ["", "日本b"]])
    found = encode_texts("t.x", column, encoder, tmp_path)
    assert encoder.asked == ["ab", "日本b"]
    assert found.tolist() == [[1, 1, 0, 0], [0] * 4, [1, 1, 0, 0], [0] * 4, [0, 1, 0, 0]]
    assert encode_texts("t.x", pa.array([], pa.string()), encoder, tmp_path).shape == (0, 4)
    assert encode_texts("t.x", pa.array([None, None]), encoder, tmp_path).tolist() == [[0] * 4] * 2
    assert encode_texts("t.x", pa.array([3, 4]), encoder, None).shape == (2, 4), "numbers are read as they are written"


@pytest.mark.parametrize("change", ["nothing", "one text", "encoder", "damage", "cut short", "another length"])
def test_kept_by_encoder_and_text(tmp_path: Path, change: str) -> None:
    column = pa.array(["a", "b" * 9])
    before = encode_texts("t.x", column, Letters(), tmp_path)
    again = Letters()
    (file,) = (tmp_path / "texts").rglob("*.parquet")
    data = bytearray(file.read_bytes())
    if change == "one text":
        column = pa.array(["a", "c" * 9])
    elif change == "encoder":
        again.fingerprint = "other letters"
    elif change == "damage":
        data[30] ^= 1
        file.write_bytes(data)
    elif change == "cut short":
        file.write_bytes(data[:-20])
    elif change == "another length":
        pq.write_table(
            pq.read_table(file).set_column(1, "vector", pa.array([[1.0], [2.0]], pa.list_(pa.float16(), 1))), file
        )
    after = encode_texts("t.x", column, again, tmp_path)
    assert again.asked == {"nothing": [], "one text": ["c" * 9]}.get(change, ["a", "b" * 9])
    assert (after == before).all() == (change != "one text")
    third = Letters()
    third.fingerprint = again.fingerprint
    assert (encode_texts("t.x", column, third, tmp_path) == after).all()
    assert third.asked == [], "what was rebuilt is kept again"


@pytest.mark.parametrize("place", [0, 40, -60, -5])
def test_a_byte_changed_anywhere_is_never_believed(tmp_path: Path, place: int) -> None:
    column = pa.array(["abc", "d", "bb"])
    before = encode_texts("t.x", column, Letters(), tmp_path)
    (file,) = (tmp_path / "texts").rglob("*.parquet")
    data = bytearray(file.read_bytes())
    data[place] ^= 255
    file.write_bytes(data)
    assert (encode_texts("t.x", column, Letters(), tmp_path) == before).all()


def test_an_interrupted_encoding_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plait.data.text.vectors._TEXTS", 2)
    monkeypatch.setattr("plait.data.text.vectors._CHARACTERS", 100)

    class Tired(Letters):
        def __call__(self, texts: list[str], tell: object = None) -> npt.NDArray[np.float16]:
            if len(self.asked) >= 4:
                raise KeyboardInterrupt
            return super().__call__(texts, tell)

    words = [c * n for n in (1, 2, 3) for c in "abcd"] + ["a" * 200]
    with pytest.raises(KeyboardInterrupt):
        encode_texts("t.x", pa.array(words), Tired(), tmp_path)
    again = Letters()
    found = encode_texts("t.x", pa.array(words), again, tmp_path)
    assert again.asked == words[4:]
    assert (found == Letters()(words)).all()


def test_progress_counts_what_is_left_over_all_lots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plait.data.text.vectors._TEXTS", 2)

    class Telling(Letters):
        def __call__(self, texts: list[str], tell: Tell | None = None) -> npt.NDArray[np.float16]:
            if tell is not None:
                tell("texts", len(texts), len(texts))
            return super().__call__(texts)

    told: list[tuple[str, int, int]] = []
    encode_texts("t.x", pa.array(["a"]), Letters(), tmp_path)
    encode_texts("t.x", pa.array(["a", "b", "c", "d"]), Telling(), tmp_path, lambda *one: told.append(one))
    assert told == [("texts", 2, 3), ("texts", 3, 3)]
