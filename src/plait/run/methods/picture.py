"""Gains with their intervals, one line a method, as a picture for the documentation."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import isfinite

from plait.report.pictures.scale import Scale, around, steps
from plait.run.methods.entrants import BASELINE
from plait.run.methods.standing import Standing

__all__ = ["picture"]

_LINE = 17
_LEFT = 190
_WIDTH = 760
_COLOURS = {"better": "#1a7f5a", "worse": "#c2413b", "same": "#7a8594"}
_MARKS = {"better": "M0 -5 L5 4 L-5 4 Z", "worse": "M0 5 L5 -4 L-5 -4 Z", "same": "M-4 0 a4 4 0 1 0 8 0 a4 4 0 1 0 -8 0 Z"}


def picture(standings: Sequence[Standing]) -> str:
    """Draw the mean gains against the baseline; shape and colour both say the verdict."""
    rows = [one for one in standings if not one.refused and one.method != BASELINE and isfinite(one.gain.value)]
    if not rows:
        return '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"/>'
    values = sorted(one.gain.value for one in rows)
    # A method that fell apart would press all others together: the axis shows what lies within reach of the middle ones.
    middle = values[len(values) // 10 : len(values) - len(values) // 10] or values
    reach = max(2.5 * max(abs(value) for value in middle), 0.002)
    edges = [min(max(edge, -reach), reach) for one in rows for edge in (one.gain.low, one.gain.high) if isfinite(edge)]
    scale = Scale(*around([0.0, *edges, *(min(max(v, -reach), reach) for v in values)], 0.04), _LEFT, _WIDTH - 12)
    height = _LINE * len(rows) + 34
    parts = []
    for tick in steps(scale.low, scale.high, 6):
        x = scale.at(tick)
        text = "0" if abs(tick) < 1e-12 else f"{100 * tick:+g} %".replace("-", "−")
        parts.append(f'<line x1="{x}" x2="{x}" y1="6" y2="{height - 26}" stroke="#8884" stroke-width="{1 if tick else 2}"/>')
        parts.append(f'<text x="{x}" y="{height - 8}" text-anchor="middle">{text}</text>')
    for place, one in enumerate(rows):
        parts.append(_row(one, 16.0 + _LINE * place, scale))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'font-family="sans-serif" font-size="11.5" fill="#7a8594" role="img">{"".join(parts)}</svg>\n'
    )


def _row(one: Standing, y: float, scale: Scale) -> str:
    colour = _COLOURS[one.verdict]
    low, high = (edge if isfinite(edge) else one.gain.value for edge in (one.gain.low, one.gain.high))
    return (
        f'<text x="{_LEFT - 10}" y="{y + 4}" text-anchor="end">{escape(one.method)}</text>'
        f'<line x1="{scale.at(low)}" x2="{scale.at(high)}" y1="{y}" y2="{y}" stroke="{colour}" stroke-width="2"/>'
        f'<path d="{_MARKS[one.verdict]}" transform="translate({scale.at(one.gain.value)} {y})" fill="{colour}"/>'
    )
