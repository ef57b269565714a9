"""The reliability diagram: what was predicted against what came true."""

from __future__ import annotations

from html import escape

from markupsafe import Markup

from plait.report.pictures.scale import Scale, steps, tick_text

__all__ = ["reliability"]

_SIZE, _LEFT, _RIGHT, _TOP, _BOTTOM = 280, 42, 10, 10, 38

Bins = list[tuple[float, float, int]]


def reliability(words: str, series: dict[str, Bins]) -> Markup:
    """Draw a dot per bin, its area by the number of examples; the diagonal is where predictions come true.

    Args:
        words: what the picture says, for who cannot see it.
        series: colour class (`alone`, `joint`) -> (mean prediction, observed mean, examples) per bin; the last is on top.
    """
    points = [point for bins in series.values() for point in bins]
    if not points:
        return Markup("")
    low = min(0.0, *(min(x, y) for x, y, _ in points))
    high = max(max(x, y) for x, y, _ in points) * 1.06 or 1.0
    high = 1.0 if 0.8 < high < 1.07 else high
    across, up = Scale(low, high, _LEFT, _SIZE - _RIGHT), Scale(low, high, _SIZE - _BOTTOM, _TOP)
    ticks = steps(low, high, 4)
    parts = []
    for tick in ticks:
        x, y, text = across.at(tick), up.at(tick), tick_text(tick, ticks)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_SIZE - _RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 3.5}" text-anchor="end">{text}</text>')
        if x > _LEFT + 8:
            parts.append(f'<text x="{x}" y="{_SIZE - 22}" text-anchor="middle">{text}</text>')
    parts.append(
        f'<line class="zero" x1="{across.at(low)}" y1="{up.at(low)}" x2="{across.at(high)}" y2="{up.at(high)}"/>'
        f'<text class="unit" x="{_SIZE - _RIGHT}" y="{_SIZE - 5}" text-anchor="end">predicted →</text>'
        f'<text class="unit" x="{_LEFT + 6}" y="{_TOP + 8}">↑ observed</text>'
    )
    most = max(count for _, _, count in points)
    for colour, bins in series.items():
        places = [f"{across.at(x)} {up.at(y)}" for x, y, _ in bins]
        path = f'<path d="M{" L".join(places)}"/>' if len(places) > 1 else ""
        dots = "".join(_dot(colour, across, up, point, most) for point in bins)
        parts.append(f'<g class="line {colour}">{path}{dots}</g>')
    return Markup(
        f'<svg class="chart" viewBox="0 0 {_SIZE} {_SIZE}" role="img" aria-label="{escape(words)}">'
        f"<title>{escape(words)}</title>{''.join(parts)}</svg>"
    )


def _dot(colour: str, across: Scale, up: Scale, point: tuple[float, float, int], most: int) -> str:
    x, y, count = point
    radius = 1.8 + 3.0 * (count / most) ** 0.5
    words = f"{colour}: predicted {x:.3g}, observed {y:.3g}, {count:,} examples"
    return f'<circle cx="{across.at(x)}" cy="{up.at(y)}" r="{radius:.1f}"><title>{escape(words)}</title></circle>'
