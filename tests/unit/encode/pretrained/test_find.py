"""Where a model is looked for, and which of its files is named when it is not whole."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from plait.encode.pretrained.files import check_tokenizer, gguf_numbers, weight_files
from plait.encode.pretrained.find import find_model, fingerprint, in_package, width_of
from plait.errors import RecipeError
from support.encoders import tiny_model


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def model(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "model")


def test_a_whole_folder(model: Path) -> None:
    assert find_model(str(model)) == model
    assert width_of(model) == 32


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(RecipeError, match=r"folder without config.json; it holds notes.txt"):
        find_model(str(tmp_path))


def test_an_unknown_name_says_where_was_looked(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(
        RecipeError, match=r"`model.text.model: no/such`.*Looked in the folder .* the cache .* the hub .*offline"
    ):
        find_model("no/such")


@pytest.mark.parametrize("weights", ["model.safetensors", "pytorch_model.bin"])
def test_a_name_of_the_hub_is_taken_from_the_cache_or_downloaded_there(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: str
) -> None:
    """A stand-in for the hub: the cache holds a configuration without weights, as other libraries leave it."""
    import huggingface_hub

    calls: list[tuple[bool, str]] = []

    def download(name: str, allow_patterns: list[str], local_files_only: bool = False) -> str:
        calls.append((local_files_only, allow_patterns[-1]))
        folder = tmp_path / name
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(whole / "config.json", folder)
        if not local_files_only and any(Path(weights).match(pattern) for pattern in allow_patterns):
            shutil.copy(whole / "model.safetensors", folder / weights)
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert find_model("some/model") == tmp_path / "some" / "model"
    assert [there for there, _ in calls] == ([True, False] if weights == "model.safetensors" else [True, False, False])
    calls.clear()
    find_model("some/model")
    assert [there for there, _ in calls] == [True], "what is kept is not asked for again"


@pytest.mark.parametrize("name", ["all-MiniLM-L6-v2", "SmolLM2-135M-Instruct"])
def test_a_packaged_name_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    import importlib.util

    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", "/nowhere")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RecipeError, match=r"the package `[\w-]+` \(install it: pip install .*the cache"):
        find_model(name)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _pieces(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "no weights": (lambda f: (f / "model.safetensors").unlink(), r"holds no weights .*it holds config.json.*Download"),
    "cut weights": (
        lambda f: _cut(f / "model.safetensors"),
        r"model.safetensors` should be [\d,]+ bytes long and is [\d,]+",
    ),
    "words for weights": (lambda f: (f / "model.safetensors").write_bytes(b"not weights"), r"model.safetensors` is no safe"),
    "empty weights": (lambda f: (f / "model.safetensors").write_bytes(b""), r"model.safetensors` is no safetensors file"),
    "a pointer": (
        lambda f: (f / "model.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\n"),
        r"model.safetensors` is a pointer of git-lfs .* Run `git lfs pull`",
    ),
    "a missing piece": (_pieces, r"misses model-00001-of-00002.safetensors, .*which model.safetensors.index.json names"),
    "no JSON": (lambda f: (f / "config.json").write_text("{"), r"config.json` is no JSON"),
    "no object": (lambda f: (f / "config.json").write_text("[1]"), r"config.json` holds a list and no object"),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_file_is_named(model: Path, broken: str) -> None:
    break_it, words = BROKEN[broken]
    break_it(model)
    with pytest.raises(RecipeError, match=words):
        find_model(str(model))


def test_a_model_without_a_tokenizer(model: Path) -> None:
    (model / "tokenizer.json").unlink()
    assert find_model(str(model), "model.image.model") == model, "other models than of texts need none"
    with pytest.raises(RecipeError, match=r"holds no tokenizer \(tokenizer.json.*Copy the tokenizer"):
        check_tokenizer(model)


def test_the_key_is_named(model: Path) -> None:
    (model / "model.safetensors").unlink()
    with pytest.raises(RecipeError, match="^`model.image.model` should be"):
        find_model(str(model), "model.image.model")


def test_weights_in_several_pieces(model: Path) -> None:
    (model / "model.safetensors").rename(model / "model-1.safetensors")
    (model / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"x": "model-1.safetensors"}}))
    assert weight_files(model) == [model / "model-1.safetensors"]
    assert find_model(str(model)) == model


def test_a_model_that_states_no_width(model: Path) -> None:
    (model / "config.json").write_text(json.dumps({"model_type": "detector"}))
    with pytest.raises(RecipeError, match="of type `detector` and states none"):
        width_of(model)


@pytest.mark.parametrize("changed", ["model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"])
def test_the_fingerprint_follows_every_file_that_is_read(model: Path, changed: str) -> None:
    before = fingerprint(model, "mean")
    (model / "README.md").write_text("no matter")
    assert fingerprint(model, "mean") == before != fingerprint(model, "last")
    with (model / changed).open("ab") as file:
        file.write(b" ")
    assert fingerprint(model, "mean") != before


def _gguf(path: Path, magic: bytes = b"GGUF") -> Path:
    """Write metadata alone: a text, a list of texts, a list of numbers, two numbers, the vocabulary."""

    def text(words: str) -> bytes:
        return struct.pack("<Q", len(words)) + words.encode()

    entries = [
        text("general.architecture") + struct.pack("<I", 8) + text("llama"),
        text("general.tags") + struct.pack("<IIQ", 9, 8, 2) + text("one") + text("two"),
        text("llama.sizes") + struct.pack("<IIQ2i", 9, 5, 2, 1, 2),
        text("llama.embedding_length") + struct.pack("<II", 4, 576),
        text("llama.rope.freq_base") + struct.pack("<If", 6, 0.5),
        text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 0),
    ]
    path.write_bytes(struct.pack("<4sIQQ", magic, 3, 0, len(entries)) + b"".join(entries))
    return path


def test_the_numbers_of_a_gguf_file(tmp_path: Path) -> None:
    path = _gguf(tmp_path / "some.gguf")
    assert gguf_numbers(path) == {"llama.embedding_length": 576, "llama.rope.freq_base": 0.5}
    assert width_of(path) == 576
    assert find_model(str(path)) == find_model(str(tmp_path)) == path, "a folder that holds one is as good as its name"


def test_gguf_files_that_are_none(tmp_path: Path) -> None:
    path = _gguf(tmp_path / "a.gguf", magic=b"GGML")
    with pytest.raises(RecipeError, match=r"a.gguf` is no GGUF file: it begins with b'GGML'"):
        find_model(str(path))
    _gguf(tmp_path / "b.gguf")
    with pytest.raises(RecipeError, match=r"holds a.gguf, b.gguf. Name one of its GGUF files"):
        find_model(str(tmp_path))
    for length in (10, 60, 150):
        path.write_bytes((tmp_path / "b.gguf").read_bytes()[:length])
        with pytest.raises(RecipeError, match=r"a.gguf` cannot be read as GGUF"):
            find_model(str(path))


def test_what_a_package_brings_is_found_without_importing_it() -> None:
    assert in_package("pip_that_is_not_there", "x") is None
    assert in_package("plait", "nothing_here") is None
    found = in_package("plait", "encode/pretrained/find.py")
    assert found is not None and found.is_file()
