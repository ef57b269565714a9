"""Pictures that tests draw: shapes to tell apart, and things that a network trained on photographs knows."""

from __future__ import annotations

import math
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw

__all__ = ["SHAPES", "clock", "png", "shape", "traffic_light", "web"]

SHAPES = ("disc", "square", "triangle")


def png(picture: Image.Image, **how: object) -> bytes:
    """Write a picture as PNG."""
    written = BytesIO()
    picture.save(written, "PNG", **how)
    return written.getvalue()


def shape(kind: str, random: np.random.Generator, side: int = 64) -> Image.Image:
    """Draw a shape of any colour anywhere on a ground of any colour."""
    ground, colour = (tuple(int(v) for v in random.integers(low, low + 100, 3)) for low in (0, 150))
    picture = Image.new("RGB", (side, side), ground)
    draw = ImageDraw.Draw(picture)
    half = side * float(random.uniform(0.22, 0.32))
    x, y = (float(v) for v in random.uniform(half, side - half, 2))
    if kind == "disc":
        draw.ellipse((x - half, y - half, x + half, y + half), fill=colour)
    elif kind == "square":
        draw.rectangle((x - half, y - half, x + half, y + half), fill=colour)
    else:
        draw.polygon([(x, y - half), (x - half, y + half), (x + half, y + half)], fill=colour)
    return picture


def clock() -> Image.Image:
    """Draw an analog clock."""
    picture = Image.new("RGB", (256, 256), (200, 180, 150))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((20, 20, 236, 236), fill="white", outline="black", width=8)

    def line(angle: float, start: float, end: float, width: int) -> None:
        x, y = math.sin(angle), -math.cos(angle)
        draw.line([(128 + start * x, 128 + start * y), (128 + end * x, 128 + end * y)], fill="black", width=width)

    for hour in range(12):
        line(math.radians(30 * hour), 90, 103, 5)
    line(5.2, 0, 55, 8)
    line(1.0, 0, 85, 5)
    return picture


def traffic_light() -> Image.Image:
    """Draw a traffic light that shows red."""
    picture = Image.new("RGB", (256, 256), (120, 170, 230))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((88, 20, 168, 236), fill=(25, 25, 25))
    for place, colour in enumerate([(255, 40, 30), (70, 60, 10), (10, 60, 20)]):
        draw.ellipse((100, 30 + place * 68, 156, 86 + place * 68), fill=colour)
    return picture


def web() -> Image.Image:
    """Draw a spider's web."""
    picture = Image.new("RGB", (256, 256), (20, 30, 25))
    draw = ImageDraw.Draw(picture)
    spokes = [(math.cos(k * math.pi / 6), math.sin(k * math.pi / 6)) for k in range(13)]
    for x, y in spokes:
        draw.line([(128, 128), (128 + 180 * x, 128 + 180 * y)], fill=(220, 220, 220))
    for radius in range(12, 180, 14):
        draw.line([(128 + radius * x, 128 + radius * y) for x, y in spokes], fill=(220, 220, 220))
    return picture
