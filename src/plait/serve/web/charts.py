"""What the pictures of the pages show, as numbers: the browser draws them, and a table says the same without scripts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from plait.measure import larger_is_better
from plait.report.content import Number, Report
from plait.report.figures import Cosine, Figures, Gate, Transfer

__all__ = ["Chart", "calibrations", "cosines", "curves", "experts", "gains", "losses", "pulls", "weights"]

Say = Callable[[str], str]
Cell = str | int | float | None


@final
@dataclass(frozen=True, slots=True)
class Chart:
    """One picture.

    Attributes:
        title: what stands above it.
        note: how to read it.
        spec: what the browser draws, as JSON; `kind` says how.
        head: head of the table that says the same.
        rows: its rows.
        height: in pixels.
    """

    title: str
    note: str
    spec: dict[str, Any]
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    height: int = 220


def gains(report: Report, say: Say) -> Chart | None:
    """Show what sharing did to each task, with its interval, the largest gain first."""
    known = [(name, task.gain) for name, task in report.tasks.items() if task.gain and task.gain.value is not None]
    if not known:
        return None
    known.sort(key=lambda pair: -(pair[1].value or 0.0))
    rows = [
        {"name": _plain(name), "value": gain.value, "low": gain.low, "high": gain.high, "verdict": gain.verdict}
        for name, gain in known
    ]
    return Chart(
        say("Together against alone"),
        say(
            "Change of each task's deciding figure when it shares a model, against the same task trained alone; to the "
            "right is better, the band is the 95 % interval."
        ),
        {"kind": "gains", "rows": rows},
        [say("task"), say("gain"), say("from"), say("to")],
        [[_plain(name), gain.value, gain.low, gain.high] for name, gain in known],
        70 + 34 * len(rows),
    )


def curves(report: Report, figures: Figures, say: Say) -> list[Chart]:
    """Show the deciding figure of each task on the validation part over epochs."""
    found = []
    for name, task in report.tasks.items():
        sides = {side: points for side, points in figures.curves.get(name, {}).items() if points}
        better = say("more is better") if larger_is_better(task.metric) else say("less is better")
        series = [
            {"name": _side(side, say), "role": side, "points": sides[side], "kept": task.epochs.get(side)}
            for side in ("joint", "alone")
            if side in sides
        ]
        chart = _lines(_plain(name), f"{_plain(task.metric)}, {better}", say("epoch"), series)
        if chart is not None:
            found.append(chart)
    return found


def losses(figures: Figures, say: Say) -> list[Chart]:
    """Show the mean training loss of each task over epochs."""
    found = []
    for name, points in figures.losses.items():
        series = [{"name": _side("joint", say), "role": "joint", "points": points}]
        chart = _lines(_plain(name), say("training loss"), say("epoch"), series)
        if chart is not None:
            found.append(chart)
    return found


def calibrations(report: Report, figures: Figures, say: Say) -> list[Chart]:
    """Show what was predicted against what came true."""
    found = []
    for name, sides in figures.calibration.items():
        series = [
            {"name": _side(side, say), "role": side, "points": sides[side]} for side in ("joint", "alone") if sides.get(side)
        ]
        if not series:
            continue
        kind = report.tasks[name].kind if name in report.tasks else "binary"
        found.append(
            Chart(
                _plain(name),
                say("on the dotted line, predictions come true as often as they say"),
                {
                    "kind": "calibration",
                    "series": series,
                    "share": kind in ("binary", "relatedness"),
                    "x": say("predicted"),
                    "y": say("observed"),
                },
                ["", say("predicted"), say("observed"), say("examples")],
                [[str(one["name"]), *point] for one in series for point in one["points"]],
                260,
            )
        )
    return found


def cosines(cosine: Cosine, tasks: Sequence[str], say: Say) -> Chart | None:
    """Show the mean angle between the gradients of each two tasks."""
    means = {pair: _mean(values) for pair, values in cosine.pairs.items()}
    if not any(value is not None for value in means.values()):
        return None
    names = [_plain(name) for name in tasks]

    def between(a: str, b: str) -> Number:
        return 1.0 if a == b else means.get(f"{a} | {b}", means.get(f"{b} | {a}"))

    values = [[between(a, b) for b in tasks] for a in tasks]
    return Chart(
        say("Do their gradients agree?"),
        say(
            "Mean cosine between the gradients of two tasks at everything they share: 1 is the same direction, below 0 they "
            "pull apart."
        ),
        {"kind": "heat", "rows": names, "columns": names, "values": values, "reach": 1},
        ["", *names],
        [[name, *row] for name, row in zip(names, values, strict=True)],
        80 + 40 * len(names),
    )


def pulls(transfer: Transfer, say: Say) -> Chart | None:
    """Show what a step for one task does to the loss of another."""
    if not transfer.tasks:
        return None
    names = [_plain(name) for name in transfer.tasks]
    values = [[change.value for change in row] for row in transfer.lowered]
    return Chart(
        say("What a step for one does to another"),
        say(
            "Share by which one gradient step for the task of the row lowers the loss of the task of the column; below 0 it "
            "raises it."
        ),
        {"kind": "heat", "rows": names, "columns": names, "values": values, "percent": True},
        ["", *names],
        [[name, *row] for name, row in zip(names, values, strict=True)],
        80 + 40 * len(names),
    )


def experts(gates: Mapping[str, Gate], say: Say) -> list[Chart]:
    """Show how much each task takes from each expert, a picture a level."""
    found = []
    for level, gate in gates.items():
        names = [_plain(name) for name in gate.tasks]
        parts = [
            {"name": str(expert), "values": [uses[place] for uses in gate.tasks.values()]}
            for place, expert in enumerate(gate.experts)
        ]
        found.append(
            Chart(
                _plain(level),
                say("How much each task takes from each expert, on average over examples."),
                {"kind": "stack", "rows": names, "parts": parts},
                ["", *[str(expert) for expert in gate.experts]],
                [[_plain(name), *uses] for name, uses in gate.tasks.items()],
                70 + 34 * len(names),
            )
        )
    return found


def weights(figures: Figures, say: Say) -> Chart | None:
    """Show how heavily each task's loss counted."""
    known = figures.weights
    series = [
        {"name": _plain(name), "role": "", "points": list(zip(known.steps, values, strict=False))}
        for name, values in known.tasks.items()
    ]
    unit = say("step") if known.unit == "step" else say("epoch")
    return _lines(say("Weights of the losses"), say("as the balancing method set them"), unit, series)


def _lines(title: str, note: str, x: str, series: list[dict[str, Any]]) -> Chart | None:
    series = [one for one in series if one["points"]]
    if not series:
        return None
    steps = list(dict.fromkeys(point[0] for one in series for point in one["points"]))
    at = [dict(one["points"]) for one in series]
    return Chart(
        title,
        note,
        {"kind": "lines", "x": x, "series": series},
        [x, *[str(one["name"]) for one in series]],
        [[step, *[points.get(step) for points in at]] for step in sorted(steps)],
    )


def _side(side: str, say: Say) -> str:
    return say("together") if side == "joint" else say("alone")


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _mean(values: Sequence[Number]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
