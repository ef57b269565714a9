"""The picture of why as a page of its own: self-contained, no script."""

from __future__ import annotations

from collections.abc import Sequence

from plait.report.conflict.tiles import why
from plait.report.content import Report
from plait.report.figures import Figures
from plait.report.page import environment

__all__ = ["render_conflicts"]


def render_conflicts(report: Report, figures: Figures, notes: Sequence[str] = ()) -> str:
    """Return the page of one run.

    Args:
        report: what `report.json` holds.
        figures: what `figures.json` holds.
        notes: what a reader should know of what is missing.
    """
    template = environment().get_template("conflicts.html.j2")
    return template.render(report=report, why=why(report, figures), notes=list(notes))
