"""The small pictures of a report, a tile per task or pair of tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from markupsafe import Markup

from plait.measure import larger_is_better
from plait.report.conflict.words import load_words
from plait.report.content import Number, Report
from plait.report.figures import Figures
from plait.report.pictures import Line, line_chart, reliability
from plait.report.pictures.lines import Point
from plait.report.pictures.scale import around
from plait.report.words import metric_name, number

__all__ = ["Heat", "Tile", "calibration_tiles", "curve_tiles", "heats", "loss_tiles", "weight_tiles"]


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
    words: list[str]


def _floats(points: list[tuple[int, Number]]) -> list[Point]:
    return [(float(x), y) for x, y in points]


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


def weight_tiles(figures: Figures) -> list[Tile]:
    """Draw the weight of each task's loss over epochs or steps, on one axis; nothing where no weight ever changes."""
    weights = figures.weights
    known = [value for values in weights.tasks.values() for value in values if value is not None]
    if all(len(set(values)) <= 1 for values in weights.tasks.values()):
        return []
    shown = around([0.0, *known])
    tiles = []
    for name, values in weights.tasks.items():
        last = next((value for value in reversed(values) if value is not None), None)
        line = Line("weight", "joint", _floats(list(zip(weights.steps, values, strict=False))))
        words = f"{name}: weight of the loss by {weights.unit}, at the end {number(last)}"
        tiles.append(Tile(name, f"at the end {number(last)}", line_chart(words, [line], weights.unit, shown, True)))
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
        result.append(Heat(level, gate.experts, rows, load_words(level, gate)))
    return result
