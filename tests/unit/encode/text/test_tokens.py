"""Texts become a pretrained model's tokens, with their places where asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from plait.encode.text.settings import Text
from plait.encode.text.tokens import TextTokens
from support.wordy import WORDS, bert, gpt


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bert(tmp_path_factory.mktemp("models") / "bert")


def _ids(*words: str) -> list[int]:
    return [5 + WORDS.index(word) for word in words]


def test_marks_and_lengths(folder: Path) -> None:
    ids, lengths, offsets = TextTokens(Text.Settings(model=str(folder), tune="lora")).read(["good dog", "cat"])
    assert ids.tolist() == [2, *_ids("good", "dog"), 3, 2, *_ids("cat"), 3]
    assert lengths.tolist() == [4, 3]
    assert offsets is None


def test_offsets(folder: Path) -> None:
    _, _, offsets = TextTokens(Text.Settings(model=str(folder), tune="lora")).read(["good  dog"], True)
    assert offsets is not None
    assert offsets.tolist() == [[0, 0], [0, 4], [6, 9], [0, 0]]


def test_long_texts_are_cut(folder: Path) -> None:
    for most, kept in ((8, 8), (500, 64)):
        reader = TextTokens(Text.Settings(model=str(folder), tune="lora", max_tokens=most))
        assert reader.read(["dog " * 1000])[1].tolist() == [kept]


def test_a_decoder_has_no_marks(tmp_path: Path) -> None:
    reader = TextTokens(Text.Settings(model=str(gpt(tmp_path / "gpt")), tune="lora"))
    assert reader.read(["good dog"])[0].tolist() == [2 + WORDS.index("good"), 2 + WORDS.index("dog")]
    assert reader.dim == 32


def test_no_texts(folder: Path) -> None:
    ids, lengths, offsets = TextTokens(Text.Settings(model=str(folder))).read([], True)
    assert (ids.shape, lengths.shape, offsets is not None and offsets.shape) == ((0,), (0,), (0, 2))


def test_the_fingerprint_follows_the_reading(folder: Path) -> None:
    one, same, other = (TextTokens(Text.Settings(model=str(folder), max_tokens=n)).fingerprint for n in (16, 16, 32))
    assert one == same != other


def test_long_texts_in_windows(folder: Path) -> None:
    reader = TextTokens(Text.Settings(model=str(folder), tune="lora", max_tokens=6, long="pool", prefix="the "))
    ids, lengths, offsets = reader.read(["good dog", "dog " * 6 + "cat", "red"], True)
    assert lengths.tolist() == [5, 12, 4]
    assert ids.tolist()[5:11] == [2, *_ids("the", "dog", "dog", "dog"), 3]
    assert ids.tolist()[11:17] == [2, *_ids("dog", "dog", "dog", "cat"), 3]
    assert offsets is not None
    assert offsets.tolist()[:5] == [[0, 0], [0, 0], [0, 4], [5, 8], [0, 0]]
