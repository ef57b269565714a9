"""The picture of why as a page of its own, and the page of a Pareto front: self-contained, no script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import plait
from plait.report.conflict_tiles import why
from plait.report.content import Report
from plait.report.figures import Figures
from plait.report.page import environment
from plait.report.pictures import FrontAxis, FrontPoint, front_chart

__all__ = ["FrontRow", "render_conflicts", "render_front"]


@final
@dataclass(frozen=True, slots=True)
class FrontRow:
    """One run beside the picture: its name, its figures in words, and the runs that dominate it."""

    run: str
    values: list[str]
    by: list[str]


def render_conflicts(report: Report, figures: Figures, notes: Sequence[str] = ()) -> str:
    """Return the page of one run.

    Args:
        report: what `report.json` holds.
        figures: what `figures.json` holds.
        notes: what a reader should know of what is missing.
    """
    template = environment().get_template("conflicts.html.j2")
    return template.render(report=report, why=why(report, figures), notes=list(notes))


def render_front(
    points: Sequence[FrontPoint], axes: tuple[FrontAxis, FrontAxis], rows: Sequence[FrontRow], sentences: Sequence[str]
) -> str:
    """Return the page of a front.

    Args:
        points: the runs, in the order of `rows`.
        axes: what x and y count.
        rows: the same in words.
        sentences: what follows from it.
    """
    words = f"{axes[0].name} against {axes[1].name} of {len(points)} runs"
    return (
        environment()
        .get_template("front_of_runs.html.j2")
        .render(
            title=f"{axes[0].name} against {axes[1].name}",
            eyebrow=f"{len(points)} runs",
            heading=f"What {axes[0].name} costs in {axes[1].name}.",
            sentences=list(sentences),
            picture=front_chart(words, points, *axes),
            axes=[axis.name for axis in axes],
            rows=list(rows),
            version=plait.__version__,
        )
    )
