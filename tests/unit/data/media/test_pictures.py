"""Pictures of every colour, size and damage."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from plait.data.media.content import Unread
from plait.data.media.pictures import decode_picture, thumbnail
from support.pictures import clock, png


def _as(picture: Image.Image, kind: str, **how: object) -> bytes:
    written = BytesIO()
    picture.save(written, kind, **how)
    return written.getvalue()


def _decoded(content: bytes, size: int = 8, crop: float = 1.0) -> np.ndarray:
    found = decode_picture(content, size, crop)
    assert not isinstance(found, Unread), found
    assert found.shape == (size, size, 3)
    assert found.dtype == np.uint8
    return found


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"])
def test_formats(kind: str) -> None:
    red = _decoded(_as(Image.new("RGB", (20, 12), (200, 30, 40)), kind))
    assert np.abs(red.astype(int) - (200, 30, 40)).max() <= 4


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "I", "I;16", "F"])
def test_modes(mode: str) -> None:
    kind = "TIFF" if mode in ("CMYK", "F", "I") else "PNG"
    values = np.linspace(0, 255, 64).reshape(8, 8)
    if mode in ("I", "F", "I;16"):
        picture = Image.fromarray((values * 257).astype({"I": np.int32, "F": np.float32, "I;16": np.uint16}[mode]))
    else:
        picture = Image.fromarray(values.astype(np.uint8)).convert(mode)
    found = _decoded(_as(picture, kind)).astype(float).mean(2)
    assert found[-1].mean() > found[0].mean() + 100


def test_transparent_parts_are_white() -> None:
    picture = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    assert (_decoded(png(picture)) == 255).all()
    palette = picture.convert("P")
    assert (_decoded(png(palette, transparency=palette.getpixel((0, 0)))) == 255).all()


def test_the_way_up_is_the_cameras() -> None:
    picture = Image.new("RGB", (8, 8))
    picture.paste((255, 255, 255), (0, 0, 8, 4))  # white above
    exif = Image.Exif()
    exif[0x0112] = 3  # turned by 180 degrees
    found = _decoded(_as(picture, "JPEG", exif=exif, quality=95))
    assert found[0].mean() < 40
    assert found[-1].mean() > 215


def test_the_square_shows_the_middle() -> None:
    picture = Image.new("RGB", (40, 20), "black")
    picture.paste((255, 255, 255), (15, 5, 25, 15))
    whole, half = _decoded(png(picture)), _decoded(png(picture), crop=0.5)
    assert half.mean() > 250
    assert 55 < whole.mean() < 75
    thin = Image.new("RGB", (1, 30_000), "blue")
    assert (_decoded(png(thin)) == (0, 0, 255)).all()


def test_a_large_jpeg_is_decoded_small() -> None:
    picture = clock().resize((2048, 2048))
    small, exact = _decoded(_as(picture, "JPEG", quality=95), 64), _decoded(png(picture), 64)
    assert np.abs(small.astype(int) - exact).mean() < 2


def test_what_cannot_be_read_says_why() -> None:
    whole = png(clock())
    assert decode_picture(b"", 8, 1.0) == Unread("no picture of a known format")
    assert decode_picture(b"%!PS-Adobe-3.0 EPSF", 8, 1.0) == Unread("no picture of a known format")
    cut = decode_picture(whole[: len(whole) // 2], 8, 1.0)
    assert isinstance(cut, Unread)
    assert cut.reason == "damaged"
    bomb = decode_picture(png(Image.new("1", (9000, 8000))), 8, 1.0)
    assert isinstance(bomb, Unread)
    assert bomb.reason == "more than 64 million pixels"
    larger = decode_picture(png(Image.new("1", (20_000, 20_000))), 8, 1.0)
    assert isinstance(larger, Unread)
    assert larger.reason == "more than 64 million pixels"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP"])
def test_damage_anywhere_ends_no_preparation(kind: str) -> None:
    random = np.random.default_rng(5)
    whole = _as(clock().resize((48, 48)), kind)
    for _ in range(120):
        bad = bytearray(whole)
        for place in random.integers(0, len(bad), 8):
            bad[place] = int(random.integers(256))
        found = decode_picture(bytes(bad[: random.integers(1, len(bad) + 1)]), 8, 1.0)
        assert isinstance(found, Unread) or found.shape == (8, 8, 3)


def test_thumbnails() -> None:
    small = thumbnail(png(clock()), 48)
    assert small is not None
    assert small[:2] == b"\xff\xd8"
    assert len(small) < 4000
    assert thumbnail(b"none", 48) is None
