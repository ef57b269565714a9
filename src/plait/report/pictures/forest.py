"""Strips of intervals on one axis: gains against alone, and figures of two models. As wide as the page lets them be."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from statistics import median
from typing import final

from markupsafe import Markup

from plait.measure import Verdict
from plait.report.pictures.scale import Scale, around, steps

__all__ = ["ForestRow", "forest_axis", "forest_strip", "range_strip"]

_MARKS = {
    "better": '<path d="M0 -7.5 L7.2 5.5 L-7.2 5.5 Z"/>',
    "worse": '<path d="M0 7.5 L7.2 -5.5 L-7.2 -5.5 Z"/>',
    "same": '<circle r="5.5"/>',
}


@final
@dataclass(frozen=True, slots=True)
class ForestRow:
    """One gain with its interval, as shares (0.01 is one percent)."""

    name: str
    value: float
    low: float
    high: float
    verdict: Verdict


def _domain(rows: list[ForestRow]) -> Scale:
    """Show 0 and nearly everything; what lies far beyond the others is cut, so that the others stay readable."""
    reach = [max(abs(row.low), abs(row.high)) for row in rows]
    furthest, usual = max(abs(row.value) for row in rows), median(reach)
    limit = max(min(furthest * 1.25, 6 * usual), min(max(reach), 3 * usual), 0.002)
    low = max(-limit, min(0.0, *(row.low for row in rows)))
    high = min(limit, max(0.0, *(row.high for row in rows)))
    return Scale(*around([min(low, -0.08 * limit), max(high, 0.08 * limit)], 0.06), 0, 100)


def _ticks(scale: Scale) -> list[float]:
    return [tick for tick in steps(scale.low, scale.high, 5) if 3 < scale.at(tick) < 97]


def forest_axis(rows: list[ForestRow]) -> Markup:
    """Draw the axis under the strips, in percent."""
    scale = _domain(rows)
    ticks = _ticks(scale)
    digits = 0 if all(abs(100 * tick - round(100 * tick)) < 1e-9 for tick in ticks) else 1
    digits = digits if all(abs(1000 * tick - round(1000 * tick)) < 1e-9 for tick in ticks) else 2
    parts = []
    for tick in ticks:
        text = "0" if abs(tick) < 1e-12 else f"{100 * tick:+.{digits}f} %".replace("-", "−")
        parts.append(f'<text x="{scale.at(tick)}%" y="14" text-anchor="middle">{text}</text>')
    return Markup(f'<svg class="axis" width="100%" height="20" aria-hidden="true">{"".join(parts)}</svg>')


def forest_strip(row: ForestRow, rows: list[ForestRow], words: str) -> Markup:
    """Draw one gain: a mark whose shape says the verdict, its interval, the line of no difference.

    Args:
        row: the gain.
        rows: all gains, which make the axis.
        words: what the strip says, for the tooltip and for who cannot see it.
    """
    scale = _domain(rows)
    x, low, high, zero = (scale.at(value) for value in (row.value, row.low, row.high, 0.0))
    grid = "".join(f'<line class="grid" x1="{scale.at(t)}%" x2="{scale.at(t)}%" y1="0" y2="44"/>' for t in _ticks(scale))
    ends = [(low, row.low < scale.low, "M5 -5 L-1 0 L5 5"), (high, row.high > scale.high, "M-5 -5 L1 0 L-5 5")]
    caps = "".join(
        f'<svg x="{end}%" y="22" overflow="visible"><path class="cap" d="{arrow if cut else "M0 -5 L0 5"}"/></svg>'
        for end, cut, arrow in ends
    )
    return Markup(
        f'<svg class="strip {row.verdict}" width="100%" height="44" role="img" aria-label="{escape(words)}">'
        f"<title>{escape(words)}</title>{grid}"
        f'<line class="zero" x1="{zero}%" x2="{zero}%" y1="0" y2="44"/>'
        f'<line class="whisker" x1="{low}%" x2="{high}%" y1="22" y2="22"/>{caps}'
        f'<svg x="{x}%" y="22" overflow="visible"><g class="mark">{_MARKS[row.verdict]}</g></svg></svg>'
    )


def range_strip(ranges: list[tuple[str, float, float | None, float | None]], words: str) -> Markup:
    """Draw intervals of one figure above each other on their own axis.

    Args:
        ranges: colour class, value, low, high; from top to bottom.
        words: what the strip says.
    """
    known = [edge for _, *edges in ranges for edge in edges if edge is not None]
    scale = Scale(*around(known, 0.02), 5, 95)
    height = 9 * len(ranges) + 7
    parts = []
    for place, (colour, value, low, high) in enumerate(ranges):
        y = 8 + 9 * place
        if low is not None and high is not None:
            parts.append(f'<line class="whisker {colour}" x1="{scale.at(low)}%" x2="{scale.at(high)}%" y1="{y}" y2="{y}"/>')
        parts.append(f'<circle class="mark {colour}" cx="{scale.at(value)}%" cy="{y}" r="3.4"/>')
    return Markup(
        f'<svg class="ranges" width="100%" height="{height}" role="img" aria-label="{escape(words)}">'
        f"<title>{escape(words)}</title>{''.join(parts)}</svg>"
    )
