"""An encoder from nothing: what its tokenizer learns, and that it loads like any other."""

import numpy as np
import pytest

from plait.encode.text.frozen import FrozenText
from plait.encode.text.load import load_pretrained
from plait.encode.text.new import SHAPES, learn_tokenizer, new_encoder
from plait.encode.text.settings import Text

TEXTS = [
    "the battery lasts long",
    "the batteries last",
    "a long lasting battery!",
    "这个手机屏幕很好",
    "屏幕太小了,电池好",
] * 8


def test_frequent_pieces_are_learned() -> None:
    tokenizer = learn_tokenizer(TEXTS, "wordpiece", 120)
    assert tokenizer.encode("The battery").tokens == ["[CLS]", "the", "battery", "[SEP]"]
    assert tokenizer.encode("屏幕好").tokens == ["[CLS]", "屏", "幕", "好", "[SEP]"]
    assert tokenizer.decode(tokenizer.encode("a battery").ids) == "a battery"
    assert tokenizer.encode("☂").tokens == ["[CLS]", "[UNK]", "[SEP]"]
    assert tokenizer.encode("the batt").offsets[1] == (0, 3)


def test_bytes_spell_anything() -> None:
    tokenizer = learn_tokenizer(TEXTS, "bpe", 400)
    for text in ("the battery ☂", "屏幕 Ünï"):
        assert "[UNK]" not in tokenizer.encode(text).tokens
        assert tokenizer.decode(tokenizer.encode(text).ids).strip() == text


def test_characters() -> None:
    tokenizer = learn_tokenizer(TEXTS, "characters", 100)
    assert tokenizer.encode("屏幕 ab").tokens == ["[CLS]", "屏", "幕", " ", "a", "b", "[SEP]"]


def test_a_large_alphabet_leaves_room_for_pieces() -> None:
    texts = [chr(0x4E00 + i) for i in range(500)] + TEXTS
    tokens = learn_tokenizer(texts, "wordpiece", 200).get_vocab()
    assert 155 < len(tokens) <= 200
    assert "battery" in tokens
    assert sum(len(token.removeprefix("##")) == 1 for token in tokens) == 150


def test_a_pair_says_which_is_which() -> None:
    found = learn_tokenizer(TEXTS, "wordpiece", 120).encode("the battery", "a battery")
    assert found.tokens == ["[CLS]", "the", "battery", "[SEP]", "a", "battery", "[SEP]"]
    assert found.type_ids == [0, 0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize("pieces", ["wordpiece", "bpe", "characters"])
def test_it_loads_like_any_other_and_the_seed_decides(tmp_path, pieces) -> None:
    tokens, weights = new_encoder(tmp_path / "a", TEXTS, "tiny", pieces, 300, 3)
    assert new_encoder(tmp_path / "b", TEXTS, "tiny", pieces, 300, 3) == (tokens, weights)
    new_encoder(tmp_path / "c", TEXTS, "tiny", pieces, 300, 4)
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        same = (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
        assert same, name
    vectors = [FrozenText(Text.Settings(model=str(tmp_path / name)))(TEXTS[:4]) for name in "abc"]
    assert vectors[0].shape == (4, SHAPES["tiny"].width)
    assert np.array_equal(vectors[0], vectors[1])
    assert not np.array_equal(vectors[0], vectors[2])
    loaded = load_pretrained(tmp_path / "a")
    assert loaded.tokenizer.mask_token == "[MASK]"
    assert loaded.max_tokens == 256
    assert sum(p.numel() for p in loaded.model.parameters()) == weights
