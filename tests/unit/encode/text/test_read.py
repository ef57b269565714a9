"""Texts become windows of tokens."""

import pytest

from plait.encode.text.load import Pretrained, load_pretrained
from plait.encode.text.read import clean, read_texts
from plait.errors import RecipeError
from support.encoders import tiny_model


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Pretrained:
    return load_pretrained(tiny_model(tmp_path_factory.mktemp("bert")))


def test_cut_or_in_windows(loaded: Pretrained) -> None:
    texts = ["good bad", "red green blue " * 5, ""]
    cut = read_texts(loaded, texts, 8)
    assert cut.texts.tolist() == [0, 1, 2]
    assert cut.lengths.max() == 8
    whole = loaded.tokenizer(texts[1])["input_ids"]
    windows = read_texts(loaded, texts, 8, "pool")
    own = [
        windows.ids[a:b].tolist()
        for a, b, t in zip(windows.starts[:-1], windows.starts[1:], windows.texts, strict=True)
        if t == 1
    ]
    first, last = whole[0], whole[-1]
    assert all(row[0] == first and row[-1] == last and len(row) <= 8 for row in own), "each window has its marks"
    assert [token for row in own for token in row[1:-1]] == whole[1:-1], "nothing is left out or read twice"


def test_never_more_than_the_model_reads(loaded: Pretrained) -> None:
    assert read_texts(loaded, ["good " * 500], 100_000).lengths.tolist() == [64]
    assert read_texts(loaded, [], 10).lengths.tolist() == []


def test_windows_need_a_tokenizer_that_gives_them(loaded: Pretrained, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(loaded.tokenizer), "is_fast", False)
    with pytest.raises(RecipeError, match=r"`model.text.long: pool` should be asked of .*Say `long: cut`"):
        read_texts(loaded, ["good"], 8, "pool")


def test_texts_are_made_fit_for_a_tokenizer() -> None:
    assert clean("  a\n") == "a"
    assert clean("x\ud83d y") == "x\ufffd y"
    assert clean("\ud83d\ude00") == "😀", "two halves that stand together are a character"
    assert clean("日本\x00") == "日本\x00"
