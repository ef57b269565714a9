"""Pictures of any size and colour → squares of bytes, as an encoder reads them."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from plait.data.media.content import Unread
from plait.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Bytes", "ImageEncoder", "decode_picture", "thumbnail"]

Bytes = npt.NDArray[np.uint8]
Halves = npt.NDArray[np.float16]

_FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM")
"""What is read; the decoders of other formats start programs or are old, and tables come from outside."""
_PIXELS: Final = 64_000_000
_WHITE: Final = (255, 255, 255, 255)
_DAMAGE: Final = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    LookupError,
    TypeError,
    ArithmeticError,
    AttributeError,
    RuntimeError,
    MemoryError,
    RuntimeWarning,
    UserWarning,
    struct.error,
    zlib.error,
)
"""All that the decoders of Pillow raise on damaged input."""


@runtime_checkable
class ImageEncoder(Protocol):
    """Reads pictures; `plait.encode.image` has those of pretrained models."""

    @property
    def dim(self) -> int:
        """Length of a vector."""

    @property
    def fingerprint(self) -> str:
        """What identifies weights and reading: equal fingerprints give equal vectors."""

    @property
    def size(self) -> int:
        """Side of the square that is read, in pixels."""

    @property
    def crop(self) -> float:
        """Which share of the picture's shorter side the square shows, around its middle."""

    def __call__(self, pictures: Bytes) -> Halves:
        """Encode uint8 [pictures, size, size, 3] to float16 [pictures, dim]."""


def decode_picture(content: bytes, size: int, crop: float) -> Bytes | Unread:
    """Read a picture as a square: the way up its camera says, transparent parts white, the first of moving ones.

    Args:
        content: a file of a known format.
        size: side of the result in pixels.
        crop: share of the shorter side that is shown, around the middle.

    Returns:
        uint8 [size, size, 3], or why it cannot be read.

    Raises:
        DataError: if Pillow is not installed.
    """
    found = _square(content, size, crop)
    if isinstance(found, Unread):
        return found
    if found.mode == "RGB":
        return np.asarray(found)
    from PIL import Image

    return np.asarray(Image.alpha_composite(Image.new("RGBA", found.size, _WHITE), found).convert("RGB"))


def thumbnail(content: bytes, side: int) -> bytes | None:
    """Write a small square JPEG of a picture; None for one that cannot be read."""
    found = decode_picture(content, side, 1.0)
    if isinstance(found, Unread):
        return None
    from PIL import Image

    written = BytesIO()
    Image.fromarray(found).save(written, "JPEG", quality=80)
    return written.getvalue()


def _square(content: bytes, size: int, crop: float) -> Image | Unread:
    try:
        from PIL import Image, ImageOps, UnidentifiedImageError
    except ImportError as error:
        raise DataError(
            "Pictures are decoded with Pillow, which is not installed. Install it with `pip install plait[images]`, or "
            "leave the columns out with `ignore`."
        ) from error
    try:
        with Image.open(BytesIO(content), formats=_FORMATS) as opened:
            if opened.width * opened.height > _PIXELS:
                return Unread(f"more than {_PIXELS // 1_000_000} million pixels", f"{opened.width} × {opened.height}")
            # A JPEG is decoded at a half, a quarter or an eighth of its size, never below twice what is wanted.
            opened.draft("RGB", (2 * round(size / crop), 2 * round(size / crop)))
            opened.load()
            picture = ImageOps.exif_transpose(_with_colours(opened))
            side = crop * min(picture.size)
            left, top = (picture.width - side) / 2, (picture.height - side) / 2
            box = (left, top, left + side, top + side)
            return picture.resize((size, size), Image.Resampling.BICUBIC, box=box)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        return Unread(f"more than {_PIXELS // 1_000_000} million pixels", str(error))
    except UnidentifiedImageError:
        return Unread("no picture of a known format")
    except _DAMAGE as error:
        return Unread("damaged", f"{type(error).__name__}: {error}")


def _with_colours(picture: Image) -> Image:
    """Bring any mode to RGB, or to RGBA where parts may be transparent."""
    from PIL import Image

    if picture.mode in ("RGB", "RGBA"):
        return picture
    if picture.mode.startswith(("I", "F")):
        values = np.asarray(picture, dtype=np.float64)
        low, high = float(values.min()), float(values.max())
        if picture.mode.startswith("I;16"):
            low, high = 0.0, 65535.0
        scaled = (values - low) * (255 / (high - low or 1))
        return Image.fromarray(scaled.astype(np.uint8)).convert("RGB")
    if picture.mode in ("LA", "PA", "La") or "transparency" in picture.info:
        return picture.convert("RGBA")
    return picture.convert("RGB")
