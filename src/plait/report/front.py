"""Several solutions of one recipe, each for another preference between two tasks: as data, as a page, in words."""

from __future__ import annotations

from typing import final

from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import Field

from plait.measure import dominated, larger_is_better
from plait.report.content import Figure, Part
from plait.report.pictures import FrontAxis, FrontPoint, front_chart
from plait.report.words import figure_words, metric_name

__all__ = ["Front", "Solution", "front_lines", "render_front"]


@final
class Solution(Part):
    """One run of a front."""

    run: str
    """Its folder, relative to that of the front."""
    preferences: dict[str, float]
    """Task -> its share of the preference."""
    figures: dict[str, Figure]
    """Task -> its deciding figure on the test part; of every task of the recipe."""
    dominated_by: list[int] = Field(default_factory=list)
    """Numbers, from 1, of the solutions that are at least as good for both tasks and better for one."""


@final
class Front(Part):
    """The whole of `front.json`."""

    plait: str
    """Version that wrote it."""
    recipe: str
    method: str
    tasks: tuple[str, str]
    """The two tasks between which the preference moves."""
    metrics: dict[str, str]
    """Task -> the figure that decides."""
    solutions: list[Solution]

    def judged(self) -> Front:
        """Return the same with each solution told which ones dominate it."""
        points = [[_value(solution, task) for task in self.tasks] for solution in self.solutions]
        beaten = dominated(points, [larger_is_better(self.metrics[task]) for task in self.tasks])
        told = [
            solution.model_copy(update={"dominated_by": [number + 1 for number in by]})
            for solution, by in zip(self.solutions, beaten, strict=True)
        ]
        return self.model_copy(update={"solutions": told})


def front_lines(front: Front) -> list[str]:
    """Say a front in lines: preference, figures, which solutions are dominated."""
    first, second = front.tasks
    lines = [
        f"{len(front.solutions)} solutions of {front.recipe} by {front.method} preferences between {first} and {second}"
    ]
    for place, solution in enumerate(front.solutions, 1):
        shares = " : ".join(f"{share:.2f}" for share in solution.preferences.values())
        figures = "   ".join(
            f"{task} {metric_name(front.metrics[task])} {figure_words(solution.figures.get(task))}" for task in front.tasks
        )
        by = f"   dominated by {', '.join(map(str, solution.dominated_by))}" if solution.dominated_by else ""
        lines.append(f"{place:3}   {shares}   {figures}{by}")
    return lines


def render_front(front: Front) -> str:
    """Return the page: the picture and a table of all tasks, self-contained, without a script."""
    environment = Environment(
        loader=PackageLoader("plait.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    first, second = front.tasks
    axes = [
        FrontAxis(f"{task} · {metric_name(front.metrics[task])}", larger_is_better(front.metrics[task]))
        for task in front.tasks
    ]
    points = [(place, _point(solution, front.tasks)) for place, solution in enumerate(front.solutions, 1)]
    shown = [point for _, point in points if point is not None]
    missing = [place for place, point in points if point is None]
    on = [place for place, s in enumerate(front.solutions, 1) if not s.dominated_by and place not in missing]
    told = f"{'number' if len(on) == 1 else 'numbers'} {', '.join(map(str, on))}" if on else "none"
    words = f"On the front of {first} and {second}: {told} of {len(front.solutions)} solutions"
    picture = front_chart(words, shown, axes[0], axes[1]) if not missing else ""
    return environment.get_template("front.html.j2").render(
        front=front,
        version=front.plait,
        title=f"{front.recipe} · Plait front",
        words=words,
        picture=picture,
        missing=missing,
        headings=[(task, metric_name(metric)) for task, metric in front.metrics.items()],
        rows=[_row(place, solution, front) for place, solution in enumerate(front.solutions, 1)],
    )


def _row(place: int, solution: Solution, front: Front) -> tuple[int, list[str], list[str], str]:
    """Return a solution's number, preferences, figures with intervals, and who dominates it."""
    shares = [f"{solution.preferences.get(task, 0.0):.2f}" for task in front.tasks]
    cells = [figure_words(solution.figures.get(task)) for task in front.metrics]
    by = ", ".join(map(str, solution.dominated_by))
    return place, shares, cells, f"dominated by {by}" if by else ""


def _point(solution: Solution, tasks: tuple[str, str]) -> FrontPoint | None:
    """Return where a solution stands; None where a figure is not known."""
    across, up = (solution.figures.get(task) for task in tasks)
    if across is None or up is None or across.value is None or up.value is None:
        return None
    return FrontPoint(solution.run, across.value, up.value, _range(across), _range(up))


def _range(figure: Figure) -> tuple[float, float] | None:
    return None if figure.low is None or figure.high is None else (figure.low, figure.high)


def _value(solution: Solution, task: str) -> float:
    figure = solution.figures.get(task)
    return float("nan") if figure is None or figure.value is None else figure.value
