"""Where a value falls on a picture, and which round numbers stand beside it."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, log10
from typing import final

__all__ = ["Scale", "around", "steps", "tick_text"]


@final
@dataclass(frozen=True, slots=True)
class Scale:
    """A linear map from values to positions.

    Args:
        low: value at `start`.
        high: value at `end`.
        start: position of `low`.
        end: position of `high`.
    """

    low: float
    high: float
    start: float | int
    end: float | int

    def at(self, value: float) -> float:
        """Return the position of a value, never outside the picture."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + min(max(share, 0.0), 1.0) * (self.end - self.start), 2)


def steps(low: float, high: float, count: int) -> list[float]:
    """Return about `count` round numbers between two values."""
    raw = (high - low) / max(count, 1)
    power = 10.0 ** floor(log10(raw))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw * 0.8)
    first = ceil(low / step - 1e-9)
    last = floor(high / step + 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]


def around(values: list[float], margin: float = 0.08) -> tuple[float, float]:
    """Return the least and the most of values with some room; a single value gets room on both sides."""
    low, high = min(values), max(values)
    if high - low < 1e-12:
        room = abs(low) * 0.05 or 0.5
        return low - room, high + room
    return low - margin * (high - low), high + margin * (high - low)


def tick_text(value: float, ticks: list[float]) -> str:
    """Write a round number with as many decimals as tell the ticks apart."""
    step = abs(ticks[1] - ticks[0]) if len(ticks) > 1 else abs(value) or 1.0
    if max(abs(tick) for tick in ticks) >= 10_000:
        return f"{value / 1000:g}k".replace("-", "−")
    if value == 0:
        return "0"
    digits = 0
    while digits < 6 and abs(round(step, digits) - step) > 1e-9 * max(step, 1e-6):
        digits += 1
    return f"{value:.{digits}f}".replace("-", "−")
