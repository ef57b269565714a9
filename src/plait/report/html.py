"""`report.html`: one self-contained page, no request to anywhere, no script."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from markupsafe import Markup

from plait.measure import larger_is_better
from plait.report import tiles
from plait.report.conflict.tiles import why
from plait.report.content import Figure, Report, TaskReport
from plait.report.figures import Figures, LabelSummary
from plait.report.page import environment
from plait.report.pictures import ForestRow, forest_axis, forest_strip, range_strip
from plait.report.words import gain_words, headline, metric_name, number, percent, summary

__all__ = ["render"]

_HOW = {
    "Intervals": "95 %, by the bootstrap: every test example, or every user or list where examples belong to one, is drawn "
    "a random number of times and each figure computed again, 300 to 1,000 times.",
    "Gains": "In pairs: the joint model and the task alone under the same draws. Better and worse mean that the interval "
    "excludes 0.",
    "Alone": "The same task, data, settings and budget, without the other tasks.",
}


@final
@dataclass(frozen=True, slots=True)
class GainRow:
    """One line of the main picture."""

    name: str
    metric: str
    verdict: str
    value: str
    span: str
    strip: Markup


@final
@dataclass(frozen=True, slots=True)
class MetricRow:
    """One line of a task's table."""

    name: str
    decisive: bool
    arrow: str
    cells: list[tuple[str, str, str]]
    """Value, interval, reason; one per column."""
    strip: Markup


@final
@dataclass(frozen=True, slots=True)
class TaskCard:
    """The figures of one task."""

    name: str
    kind: str
    about: str
    objective: str
    verdict: str
    gain: str
    columns: list[str]
    rows: list[MetricRow]


def render(content: Report, figures: Figures, recipe: str = "") -> str:
    """Return the page.

    Args:
        content: what `report.json` holds.
        figures: what `figures.json` holds.
        recipe: the resolved recipe as YAML, shown at the end.
    """
    gains, axis = _gains(content)
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            report=content,
            data=figures.data,
            labels=[(name, _label(label)) for name, label in figures.data.labels.items()],
            headline=headline(content),
            sentences=summary(content),
            facts=_facts(content),
            gains=gains,
            axis=axis,
            cards=[_card(name, task) for name, task in content.tasks.items()],
            curves=tiles.curve_tiles(content, figures),
            losses=tiles.loss_tiles(figures),
            calibration=tiles.calibration_tiles(figures),
            why=why(content, figures),
            how=_HOW | content.how,
            recipe=recipe,
        )
    )


def _gains(report: Report) -> tuple[list[GainRow], Markup]:
    """Lay out the main picture, the largest gain first."""
    known = [
        (task, ForestRow(name, gain.value, gain.low, gain.high, gain.verdict))
        for name, task in report.tasks.items()
        if (gain := task.gain) and gain.value is not None and gain.low is not None and gain.high is not None
    ]
    known.sort(key=lambda pair: -pair[1].value)
    rows = [row for _, row in known]
    lines = []
    for task, row in known:
        span = f"{percent(row.low).removesuffix(' %')} to {percent(row.high)}"
        figure = f"{row.name}: {metric_name(task.metric)} {percent(row.value)} against alone"
        words = f"{figure}, 95 % interval {span}, {row.verdict}"
        strip = forest_strip(row, rows, words)
        lines.append(GainRow(row.name, metric_name(task.metric), row.verdict, percent(row.value), span, strip))
    return lines, forest_axis(rows) if rows else Markup("")


def _card(name: str, task: TaskReport) -> TaskCard:
    sides = {"joint": task.joint, "alone": task.alone, "trees": task.trees}
    columns = [side for side, figures in sides.items() if figures]
    rows = []
    for metric in sorted(task.joint, key=lambda one: one != task.metric):
        cells = {side: sides[side].get(metric, Figure(value=None, low=None, high=None)) for side in columns}
        ranges = [(side, cell.value, cell.low, cell.high) for side, cell in cells.items() if cell.value is not None]
        words = "; ".join(f"{side} {number(cell.value)}" for side, cell in cells.items())
        strip = range_strip(ranges, f"{metric_name(metric)}: {words}") if ranges else Markup("")
        texts = [(number(cell.value), _span(cell), cell.reason) for cell in cells.values()]
        rows.append(MetricRow(metric_name(metric), metric == task.metric, _arrow(metric), texts, strip))
    verdict = task.gain.verdict if task.gain and task.gain.value is not None else ""
    gain = gain_words(task.gain) if verdict else ""
    about = ", ".join(f"{count:,} {part}" for part, count in task.examples.items())
    return TaskCard(name, task.kind, about, task.objective, verdict, gain, columns, rows)


def _span(figure: Figure) -> str:
    return "" if figure.low is None or figure.high is None else f"{number(figure.low)} – {number(figure.high)}"


def _arrow(metric: str) -> str:
    """Say which way is better."""
    if metric == "predicted_over_observed":
        return "→1"
    return "↑" if larger_is_better(metric) else "↓"


def _facts(report: Report) -> list[tuple[str, str]]:
    facts = [("Tasks", str(len(report.tasks)))]
    if report.gain is not None:
        facts.append(("Mean gain", percent(report.gain)))
    facts.append(("Test examples", f"{report.data.test:,}"))
    facts.append(("Parameters", f"{report.parameters:,}"))
    if 0 < report.trained < 0.999 * report.parameters:
        facts.append(("Of them trained", f"{report.trained:,} ({report.trained / report.parameters:.2%})"))
    if "train" in report.seconds:
        facts.append(("Training", _duration(report.seconds["train"])))
    if report.examples_per_second is not None:
        facts.append(("Examples per second", f"{report.examples_per_second:,.0f}"))
    return facts


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _label(label: LabelSummary) -> str:
    if label.classes:
        shown = ", ".join(f"{name} {100 * (share or 0):.0f} %" for name, share in label.classes[:6])
        return shown + (f", and {len(label.classes) - 6} more" if len(label.classes) > 6 else "")
    if label.std is not None:
        return f"mean {number(label.mean)}, standard deviation {number(label.std)}"
    return "" if label.mean is None else f"{100 * label.mean:.1f} % are 1"
