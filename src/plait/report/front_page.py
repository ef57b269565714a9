"""The page of a Pareto front between two tasks, whatever its points are: self-contained, no script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from markupsafe import Markup

import plait
from plait.measure import larger_is_better
from plait.report.content import Figure
from plait.report.page import environment
from plait.report.pictures import FrontAxis, FrontPoint
from plait.report.words import metric_name

__all__ = ["FrontPage", "FrontRow", "front_axis", "front_point", "render_page"]


@final
@dataclass(frozen=True, slots=True)
class FrontRow:
    """One point in words, under the number it has in the picture."""

    cells: Sequence[str]
    behind: bool
    """Whether another point dominates it."""


@final
@dataclass(frozen=True, slots=True)
class FrontPage:
    """What the page says."""

    title: str
    eyebrow: str
    heading: str
    sentences: Sequence[str]
    picture: Markup | None
    """None where there is none to draw; a sentence should say why."""
    columns: Sequence[str]
    rows: Sequence[FrontRow]
    plait: str = plait.__version__
    """Version that wrote it."""


def front_axis(task: str, metric: str) -> FrontAxis:
    """Return what is counted along one side: the deciding figure of a task."""
    return FrontAxis(f"{task} · {metric_name(metric)}", larger_is_better(metric))


def front_point(name: str, across: Figure | None, up: Figure | None) -> FrontPoint | None:
    """Return where something stands; None where a figure is not known."""
    if across is None or up is None or across.value is None or up.value is None:
        return None
    return FrontPoint(name, across.value, up.value, _edges(across), _edges(up))


def render_page(page: FrontPage) -> str:
    """Return the page: the picture, and the points in a table."""
    return environment().get_template("front.html.j2").render(page=page, title=page.title, version=page.plait)


def _edges(figure: Figure) -> tuple[float, float] | None:
    return None if figure.low is None or figure.high is None else (figure.low, figure.high)
