"""What heads of tokens are told of a tokenizer."""

from pathlib import Path

import pytest

from plait.encode.text.alphabet import alphabet_of, embeddings_of
from plait.encode.text.load import load_pretrained, save_fresh
from plait.encode.text.new import learn_tokenizer
from support.encoders import tiny_model


def test_pieces_of_words(tmp_path: Path) -> None:
    save_fresh(tmp_path, learn_tokenizer(["playing plays played"] * 9, "wordpiece", 60), 1, 8, 2, 16, 0)
    loaded = load_pretrained(tmp_path)
    found, words = alphabet_of(loaded), loaded.tokenizer.get_vocab()
    assert found.special == [0, 1, 2, 3, 4]
    assert found.mask == words["[MASK]"] == 4
    assert {*found.inner} == {number for word, number in words.items() if word.startswith("##")}
    assert (found.size, found.states, found.embedding) == (len(words), 8, 8)
    assert embeddings_of(loaded).shape == (len(words), 8)


@pytest.mark.parametrize(("kind", "hides"), [("bert", True), ("gpt2", False)])
def test_runs_of_bytes(tmp_path: Path, kind: str, hides: bool) -> None:
    loaded = load_pretrained(tiny_model(tmp_path, kind))
    found, words = alphabet_of(loaded), loaded.tokenizer.get_vocab()
    assert (found.mask is not None) == hides
    marks = {*found.special}
    begins = {number for word, number in words.items() if word.startswith("Ġ")}
    assert {*found.inner} == {*words.values()} - begins - marks
    assert not marks & {*found.inner}
