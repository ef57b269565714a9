"""The files of a pretrained model: which there must be, whether they are whole; read without torch and transformers."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, NoReturn

from plait.errors import RecipeError

__all__ = ["KEY", "check_files", "check_tokenizer", "gguf_numbers", "read_json", "weight_files"]

KEY: Final = "model.text.model"
"""Where in the recipe the model is named."""

_WEIGHTS: Final = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
_TOKENIZERS: Final = (
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "tokenizer.model",
    "sentencepiece.bpe.model",
    "spiece.model",
)
_POINTER: Final = b"version https://git-lfs"
_SIZES: Final = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
"""What a number of GGUF's metadata is, by its type; 8 is a text and 9 a list."""


def check_files(place: Path, key: str = KEY) -> None:
    """Refuse a model whose configuration or weights are missing, cut short or not what their names say.

    Args:
        place: the folder of a model, or a GGUF file, which holds all in one.
        key: where in the recipe the model is named, for messages.

    Raises:
        RecipeError: naming the file.
    """
    if place.suffix == ".gguf":
        gguf_numbers(place)
        return
    read_json(place / "config.json", key)
    for path in weight_files(place, key):
        _check_weights(path, key)


def check_tokenizer(place: Path) -> None:
    """Refuse a model of texts without a tokenizer.

    Raises:
        RecipeError: naming the files of which there should be one.
    """
    if place.suffix != ".gguf" and not any((place / name).is_file() for name in _TOKENIZERS):
        _refuse(
            place,
            f"holds no tokenizer ({', '.join(_TOKENIZERS)}); it holds {_held(place)}",
            "Copy the tokenizer's files too.",
        )


def weight_files(folder: Path, key: str = KEY) -> list[Path]:
    """Return the files that hold a model's weights, in one piece or in several.

    Raises:
        RecipeError: there are none, or a piece that the index names is missing.
    """
    found = next((folder / name for name in _WEIGHTS if (folder / name).is_file()), None)
    if found is None:
        _refuse(
            folder,
            f"holds no weights ({', '.join(_WEIGHTS[::2])}); it holds {_held(folder)}",
            "Download the model again.",
            key,
        )
    if found.suffix != ".json":
        return [found]
    placed = read_json(found, key).get("weight_map")
    pieces = sorted({str(name) for name in placed.values()}) if isinstance(placed, dict) else []
    missing = [name for name in pieces if not (folder / name).is_file()]
    if missing or not pieces:
        lacks = f"misses {', '.join(missing[:3])}, which {found.name} names" if pieces else f"names no file in {found.name}"
        _refuse(folder, lacks, "Download the model again.", key)
    return [folder / name for name in pieces]


def read_json(path: Path, key: str = KEY) -> dict[str, object]:
    """Read a JSON object; an empty one where the file is absent.

    Raises:
        RecipeError: it is no JSON object.
    """
    if not path.is_file():
        return {}
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        _refuse(path, f"is no JSON: {error}", "Download the model again.", key)
    if not isinstance(values, dict):
        _refuse(path, f"holds a {type(values).__name__} and no object", "Download the model again.", key)
    return values


def gguf_numbers(path: Path) -> dict[str, int | float]:
    """Read the numbers among a GGUF file's metadata, such as `llama.embedding_length`, up to its vocabulary.

    Raises:
        RecipeError: it is no GGUF file, or ends too soon.
    """
    found: dict[str, int | float] = {}
    try:
        with path.open("rb") as file:
            magic, _, _, count = struct.unpack("<4sIQQ", file.read(24))
            if magic != b"GGUF":
                _refuse(path, f"is no GGUF file: it begins with {magic!r}", "Download the model again.")
            for _ in range(count):
                name = _text(file)
                if name.startswith("tokenizer."):
                    break
                value = _value(file, *_numbers(file, "<I"))
                if value is not None:
                    found[name] = value
    except (struct.error, UnicodeDecodeError, KeyError) as error:
        _refuse(path, f"cannot be read as GGUF: {error}", "Download the model again.")
    return found


def _value(file: BinaryIO, kind: int) -> int | float | None:
    """Read one value; a text or a list is passed over."""
    if kind == 8:
        _text(file)
        return None
    if kind == 9:
        item, count = _numbers(file, "<IQ")
        for _ in range(count):
            _value(file, item)
        return None
    value: int | float = struct.unpack(_SIZES[kind], file.read(struct.calcsize(_SIZES[kind])))[0]
    return value


def _text(file: BinaryIO) -> str:
    return file.read(*_numbers(file, "<Q")).decode("utf-8")


def _numbers(file: BinaryIO, shape: str) -> Iterator[int]:
    return iter(struct.unpack(shape, file.read(struct.calcsize(shape))))


def _check_weights(path: Path, key: str) -> None:
    """Compare a file's length with what it says of itself."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(len(_POINTER))
        if head.startswith(_POINTER):
            _refuse(path, "is a pointer of git-lfs and no weights", "Run `git lfs pull` in its folder.", key)
        if path.suffix != ".safetensors":
            return
        length = int.from_bytes(head[:8], "little")
        try:
            file.seek(8)
            header = json.loads(file.read(min(length, size)))
            ends = [one["data_offsets"][1] for name, one in header.items() if name != "__metadata__"]
            whole = 8 + length + max(ends, default=0)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            _refuse(path, f"is no safetensors file: {error}", "Download the model again.", key)
    if size != whole:
        _refuse(path, f"should be {whole:,} bytes long and is {size:,}: it was cut short", "Download the model again.", key)


def _held(folder: Path) -> str:
    return ", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "nothing"


def _refuse(path: Path, found: str, cure: str, key: str = KEY) -> NoReturn:
    raise RecipeError(
        f"`{key}` should be a pretrained model whose files are whole: config.json, weights and, for texts, a tokenizer; or "
        f"a GGUF file. `{path}` {found}. {cure}"
    )
