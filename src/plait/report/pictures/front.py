"""The Pareto front of two figures over several runs: what one costs in the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import final

from markupsafe import Markup

from plait.measure.pareto import dominated
from plait.report.pictures.scale import Scale, around, steps, tick_text

__all__ = ["FrontAxis", "FrontPoint", "front_chart", "on_its_own"]

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 340, 320, 46, 14, 26, 42

Range = tuple[float, float] | None


@final
@dataclass(frozen=True, slots=True)
class FrontAxis:
    """What is counted along one side.

    Args:
        name: such as `like · AUC`.
        larger_is_better: whether more of it is better.
    """

    name: str
    larger_is_better: bool


@final
@dataclass(frozen=True, slots=True)
class FrontPoint:
    """One solution: two figures with their intervals.

    Args:
        name: of the run, for the tooltip.
        x: figure along x.
        y: figure along y.
        x_range: interval of x, where there is one.
        y_range: interval of y, where there is one.
    """

    name: str
    x: float
    y: float
    x_range: Range = None
    y_range: Range = None


def front_chart(words: str, points: Sequence[FrontPoint], across: FrontAxis, up: FrontAxis) -> Markup:
    """Draw every point under its number (from 1), its intervals as a cross, and the front as a staircase.

    Points that another one beats in one figure and equals or beats in the other are hollow. Nothing where there is no point.

    Args:
        words: what the picture says, for who cannot see it.
        points: the solutions; the number of each is its place in this list.
        across: what x counts.
        up: what y counts.
    """
    if not points:
        return Markup("")
    behind = [bool(by) for by in dominated([(p.x, p.y) for p in points], [across.larger_is_better, up.larger_is_better])]
    scale_x = Scale(*around([v for p in points for v in (p.x, *(p.x_range or ()))]), _LEFT, _WIDTH - _RIGHT)
    scale_y = Scale(*around([v for p in points for v in (p.y, *(p.y_range or ()))]), _HEIGHT - _BOTTOM, _TOP)
    front = [p for p, beaten in zip(points, behind, strict=True) if not beaten]
    body = [
        _axes(scale_x, scale_y, across, up),
        _staircase(front, scale_x, scale_y, across, up),
        *(_cross(p, b, scale_x, scale_y) for p, b in zip(points, behind, strict=True)),
        *(_mark(i, p, b, scale_x, scale_y) for i, (p, b) in enumerate(zip(points, behind, strict=True), 1)),
    ]
    return Markup(
        f'<svg class="chart front" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(words)}">'
        f"<title>{escape(words)}</title>{''.join(body)}</svg>"
    )


def _axes(scale_x: Scale, scale_y: Scale, across: FrontAxis, up: FrontAxis) -> str:
    parts = []
    ticks_x, ticks_y = steps(scale_x.low, scale_x.high, 4), steps(scale_y.low, scale_y.high, 4)
    for tick in ticks_y:
        y = scale_y.at(tick)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 3.5}" text-anchor="end">{tick_text(tick, ticks_y)}</text>')
    for tick in ticks_x:
        x = scale_x.at(tick)
        parts.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>')
        parts.append(f'<text x="{x}" y="{_HEIGHT - 26}" text-anchor="middle">{tick_text(tick, ticks_x)}</text>')
    right = f"{across.name}, better →" if across.larger_is_better else f"← better, {across.name}"
    above = f"{'↑' if up.larger_is_better else '↓'} better, {up.name}"
    parts.append(f'<text class="unit" x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 6}" text-anchor="end">{escape(right)}</text>')
    parts.append(f'<text class="unit" x="2" y="12">{escape(above)}</text>')
    return "".join(parts)


def _staircase(front: list[FrontPoint], scale_x: Scale, scale_y: Scale, across: FrontAxis, up: FrontAxis) -> str:
    """Draw the edge of what the points on the front reach, from the bad end of one axis to that of the other."""
    ordered = sorted(front, key=lambda p: p.x if across.larger_is_better else -p.x)
    worst_x = scale_x.start if across.larger_is_better else scale_x.end
    worst_y = scale_y.start if up.larger_is_better else scale_y.end
    path = f"M{worst_x} {scale_y.at(ordered[0].y)}"
    for point, after in zip(ordered, [*ordered[1:], None], strict=True):
        path += f" H{scale_x.at(point.x)} V{worst_y if after is None else scale_y.at(after.y)}"
    return f'<path class="edge" d="{path}"/>'


def _cross(point: FrontPoint, beaten: bool, scale_x: Scale, scale_y: Scale) -> str:
    x, y, kind = scale_x.at(point.x), scale_y.at(point.y), "cross behind" if beaten else "cross"
    parts = []
    if point.x_range is not None:
        low, high = (scale_x.at(edge) for edge in point.x_range)
        parts.append(f'<line class="{kind}" x1="{low}" x2="{high}" y1="{y}" y2="{y}"/>')
    if point.y_range is not None:
        low, high = (scale_y.at(edge) for edge in point.y_range)
        parts.append(f'<line class="{kind}" x1="{x}" x2="{x}" y1="{low}" y2="{high}"/>')
    return "".join(parts)


def _mark(number: int, point: FrontPoint, beaten: bool, scale_x: Scale, scale_y: Scale) -> str:
    x, y = scale_x.at(point.x), scale_y.at(point.y)
    words = f"{number}: {point.name}, {point.x:.4g} and {point.y:.4g}{', dominated' if beaten else ', on the front'}"
    return (
        f'<g class="point{" behind" if beaten else ""}"><circle cx="{x}" cy="{y}" r="8.5"/>'
        f'<text x="{x}" y="{y + 3.6}" text-anchor="middle">{number}</text><title>{escape(words)}</title></g>'
    )


def on_its_own(picture: Markup) -> str:
    """Make the picture stand without a page: its own colours, light or dark as the reader's screen is."""
    style = (
        "<style>:root{color-scheme:light dark;--joint:light-dark(#1d5fb0,#6cabf5);--alone:light-dark(#7d838c,#969da7);"
        "--card:light-dark(#fff,#1a1d22);--soft:light-dark(#5b626c,#a3a9b2);--rule:light-dark(#e3e0d8,#2d3138)}"
        "svg{background:var(--card);font-family:system-ui,sans-serif}text{fill:var(--soft);font-size:11px}"
        ".grid{stroke:var(--rule)}.edge{fill:none;stroke:var(--joint);stroke-width:1.5;stroke-dasharray:2 4}"
        ".cross{stroke:var(--joint);stroke-width:2;opacity:.4}.cross.behind{stroke:var(--alone)}"
        ".point circle{fill:var(--joint);stroke:var(--card);stroke-width:1.5}.point text{fill:var(--card);font-weight:650}"
        ".point.behind circle{fill:var(--card);stroke:var(--alone)}.point.behind text{fill:var(--soft)}</style>"
    )
    return (
        str(picture).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1).replace("<title>", f"{style}<title>", 1)
    )
