"""The small pictures of a report, a tile per task or pair of tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from markupsafe import Markup

from plait.measure import larger_is_better
from plait.report.content import Number, Report
from plait.report.figures import Figures
from plait.report.pictures import Line, line_chart, reliability
from plait.report.pictures.lines import Point, thin
from plait.report.pictures.scale import around
from plait.report.words import metric_name, number

__all__ = ["Heat", "Tile", "calibration_tiles", "cosine_tiles", "curve_tiles", "heats", "loss_tiles", "weight_tiles"]

_MOST_PAIRS = 12
_SMOOTH_POINTS = 48


@final
@dataclass(frozen=True, slots=True)
class Tile:
    """A small picture with its heading."""

    title: str
    note: str
    picture: Markup


@final
@dataclass(frozen=True, slots=True)
class Heat:
    """A table of shares, coloured by their size; `shade` is 0 to 100."""

    level: str
    experts: list[str]
    rows: list[tuple[str, list[tuple[str, int]]]]


def _floats(points: list[tuple[int, Number]]) -> list[Point]:
    return [(float(x), y) for x, y in points]


def _known(points: list[Point]) -> list[float]:
    return [y for _, y in points if y is not None]


def _tiles(tiles: list[Tile]) -> list[Tile]:
    return [tile for tile in tiles if tile.picture]


def curve_tiles(report: Report, figures: Figures) -> list[Tile]:
    """Draw the decisive figure on the validation part over epochs, jointly and alone."""
    tiles = []
    for name, task in report.tasks.items():
        curves = figures.curves.get(name, {})
        lines = [
            Line(side, side, _floats(curves[side]), task.epochs.get(side)) for side in ("alone", "joint") if curves.get(side)
        ]
        better = "more" if larger_is_better(task.metric) else "less"
        note = f"{metric_name(task.metric)}, {better} is better"
        words = f"{name}: {metric_name(task.metric)} on the validation part by epoch, joint and alone"
        tiles.append(Tile(name, note, line_chart(words, lines, "epoch")))
    return _tiles(tiles)


def loss_tiles(figures: Figures) -> list[Tile]:
    """Draw the mean training loss of each task over epochs."""
    tiles = []
    for name, points in figures.losses.items():
        picture = line_chart(f"{name}: training loss by epoch", [Line("joint", "joint", _floats(points))], "epoch")
        tiles.append(Tile(name, "training loss", picture))
    return _tiles(tiles)


def calibration_tiles(figures: Figures) -> list[Tile]:
    """Draw what was predicted against what came true."""
    tiles = []
    for name, sides in figures.calibration.items():
        series = {side: sides[side] for side in ("alone", "joint") if sides.get(side)}
        bins = max((len(points) for points in series.values()), default=0)
        words = f"{name}: observed against predicted in {bins} bins, joint and alone"
        tiles.append(Tile(name, f"{bins} bins of equal numbers", reliability(words, series)))
    return _tiles(tiles)


def cosine_tiles(figures: Figures) -> tuple[list[Tile], int]:
    """Draw the gradient cosine of the pairs that conflict most; also say how many pairs there are."""
    cosine = figures.cosine
    series = {pair: _floats(list(zip(cosine.steps, values, strict=False))) for pair, values in cosine.pairs.items()}
    means = {pair: sum(_known(points)) / len(_known(points)) for pair, points in series.items() if _known(points)}
    worst = sorted(means, key=means.__getitem__)[:_MOST_PAIRS]
    smooth = {pair: thin(series[pair], _SMOOTH_POINTS) for pair in worst}
    shown = around([-0.1, 0.1, *(y for points in smooth.values() for _, y in points if y is not None)], 0.05)
    tiles = []
    for pair in worst:
        first, _, second = pair.partition("|")
        title = f"{first.strip()} · {second.strip()}"
        negative = sum(value < 0 for value in _known(series[pair])) / len(_known(series[pair]))
        note = f"mean {number(means[pair])}, against each other in {100 * negative:.0f} % of steps"
        line = Line("cosine", "worse" if means[pair] < 0 else "joint", smooth[pair])
        tiles.append(Tile(title, note, line_chart(f"{title}: gradient cosine by step, {note}", [line], "step", shown, True)))
    return _tiles(tiles), len(means)


def weight_tiles(figures: Figures) -> list[Tile]:
    """Draw the weight of each task's loss over epochs, all on one axis; nothing where no weight ever changes."""
    weights = figures.weights
    known = [value for values in weights.tasks.values() for value in values if value is not None]
    if all(len(set(values)) <= 1 for values in weights.tasks.values()):
        return []
    shown = around([0.0, *known])
    tiles = []
    for name, values in weights.tasks.items():
        last = next((value for value in reversed(values) if value is not None), None)
        line = Line("weight", "joint", _floats(list(zip(weights.steps, values, strict=False))))
        words = f"{name}: weight of the loss by epoch, at the end {number(last)}"
        tiles.append(Tile(name, f"at the end {number(last)}", line_chart(words, [line], "epoch", shown, True)))
    return _tiles(tiles)


def heats(figures: Figures) -> list[Heat]:
    """Lay out the use of experts, a table per level."""
    result = []
    for level, gate in figures.gates.items():
        most = max((share for shares in gate.tasks.values() for share in shares if share is not None), default=0.0)
        rows = [
            (
                task,
                [
                    ("–" if share is None else f"{share:.2f}".removeprefix("0"), round(100 * (share or 0.0) / (most or 1.0)))
                    for share in shares
                ],
            )
            for task, shares in gate.tasks.items()
        ]
        result.append(Heat(level, gate.experts, rows))
    return result
