"""Small line charts, one per task or pair of tasks, all of one size so that they can be read side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import final

from markupsafe import Markup

from plait.report.pictures.scale import Scale, around, steps, tick_text

__all__ = ["Line", "Point", "line_chart", "thin"]

WIDTH, HEIGHT = 280, 168
_LEFT, _RIGHT, _TOP, _BOTTOM = 42, 10, 10, 24
_MOST_POINTS = 120
_FEW_POINTS = 30

Point = tuple[float, float | None]


@final
@dataclass(frozen=True, slots=True)
class Line:
    """One series.

    Args:
        name: for the tooltips.
        colour: class of the page's CSS that colours it.
        points: (x, y) with ascending x; a gap where y is not known.
        kept: x of the point to ring, such as the epoch whose weights were kept.
        band: (x, low, high) of an interval around the line.
        dots: whether the points stand for themselves, without a line from one to the next.
    """

    name: str
    colour: str
    points: Sequence[Point]
    kept: float | int | None = None
    band: Sequence[tuple[float, float, float]] = ()
    dots: bool = False


def thin(points: Sequence[Point], most: int) -> list[Point]:
    """Replace many points by at most `most` means of neighbours; a picture this small shows no more."""
    if len(points) <= most:
        return list(points)
    size = -(-len(points) // most)
    result: list[Point] = []
    for start in range(0, len(points), size):
        part = points[start : start + size]
        known = [y for _, y in part if y is not None]
        result.append((sum(x for x, _ in part) / len(part), sum(known) / len(known) if known else None))
    return result


def line_chart(
    words: str, lines: list[Line], x_name: str, y_range: tuple[float, float] | None = None, zero: bool = False
) -> Markup:
    """Draw series over one axis; an empty picture where nothing is known.

    Args:
        words: what the picture says, for who cannot see it.
        lines: the series, the most important last, on top.
        x_name: what is counted along x: `epoch` or `step`.
        y_range: least and most, where several pictures share an axis.
        zero: whether the line y = 0 means something.
    """
    drawn = [line if line.dots else replace(line, points=thin(line.points, _MOST_POINTS)) for line in lines]
    values = [y for line in drawn for _, y in line.points if y is not None]
    values += [edge for line in drawn for _, *edges in line.band for edge in edges]
    places = [x for line in drawn for x, _ in line.points]
    if not values:
        return Markup("")
    first, last = min(places), max(places)
    across = Scale(first - (first == last), last + (first == last), _LEFT + 4, WIDTH - _RIGHT)
    low, high = y_range or around([*values, *([0.0] if zero else [])])
    up = Scale(low, high, HEIGHT - _BOTTOM, _TOP)
    body = _axes(across, up, (first, last), x_name, zero) + "".join(_line(line, across, up, x_name) for line in drawn)
    return Markup(
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(words)}">'
        f"<title>{escape(words)}</title>{body}</svg>"
    )


def _axes(across: Scale, up: Scale, ends: tuple[float, float], x_name: str, zero: bool) -> str:
    parts = []
    ticks = steps(up.low, up.high, 3)
    for tick in ticks:
        y = up.at(tick)
        kind = "zero" if zero and tick == 0 else "grid"
        parts.append(f'<line class="{kind}" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 3.5}" text-anchor="end">{tick_text(tick, ticks)}</text>')
    whole = [tick for tick in steps(across.low, across.high, 4) if tick == int(tick) and ends[0] <= tick <= ends[1]]
    for tick in whole:
        x = across.at(tick)
        parts.append(f'<text x="{x}" y="{HEIGHT - 8}" text-anchor="middle">{tick_text(tick, [0.0, *whole])}</text>')
    parts.append(f'<text class="unit" x="{_LEFT - 6}" y="{HEIGHT - 8}" text-anchor="end">{escape(x_name)}</text>')
    return "".join(parts)


def _line(line: Line, across: Scale, up: Scale, x_name: str) -> str:
    if line.dots:
        return _cloud(line, across, up)
    runs: list[list[str]] = [[]]
    dots = []
    few = len(line.points) <= _FEW_POINTS
    for x, y in line.points:
        if y is None:
            runs.append([])
            continue
        place = f"{across.at(x)} {up.at(y)}"
        runs[-1].append(place)
        ring = ' class="kept"' if x == line.kept else ""
        if few or ring:
            words = f"{line.name}, {x_name} {x:g}: {y:.4g}{', kept' if ring else ''}"
            cx, cy = place.split()
            size = 4.2 if ring else 2.4
            dots.append(f'<circle{ring} cx="{cx}" cy="{cy}" r="{size}"><title>{escape(words)}</title></circle>')
    paths = "".join(f'<path d="M{" L".join(run)}"/>' for run in runs if len(run) > 1)
    return f'<g class="line {line.colour}">{_band(line, across, up)}{paths}{"".join(dots)}</g>'


def _cloud(line: Line, across: Scale, up: Scale) -> str:
    places = [(across.at(x), up.at(y)) for x, y in line.points if y is not None]
    dots = "".join(f'<circle cx="{x}" cy="{y}" r="2.6"/>' for x, y in places)
    return f'<g class="line cloud {line.colour}">{dots}</g>'


def _band(line: Line, across: Scale, up: Scale) -> str:
    if len(line.band) < 2:
        return "".join(
            f'<line class="reach" x1="{across.at(x)}" x2="{across.at(x)}" y1="{up.at(low)}" y2="{up.at(high)}"/>'
            for x, low, high in line.band
        )
    above = [f"{across.at(x)} {up.at(high)}" for x, _, high in line.band]
    below = [f"{across.at(x)} {up.at(low)}" for x, low, _ in reversed(line.band)]
    return f'<path class="band" d="M{" L".join(above + below)} Z"/>'
