"""Several solutions of one recipe, each for another preference between two tasks: as data, as a page, in words."""

from __future__ import annotations

from typing import final

from pydantic import Field

from plait.measure import dominated, larger_is_better
from plait.report.content import Figure, Part
from plait.report.front_page import FrontPage, FrontRow, front_axis, front_point, render_page
from plait.report.pictures import front_chart
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
    first, second = front.tasks
    points = [front_point(s.run, s.figures.get(first), s.figures.get(second)) for s in front.solutions]
    missing = [str(place) for place, point in enumerate(points, 1) if point is None]
    on = [str(place) for place, s in enumerate(front.solutions, 1) if points[place - 1] and not s.dominated_by]
    told = f"{'number' if len(on) == 1 else 'numbers'} {', '.join(on)}" if on else "none"
    words = f"On the front of {first} and {second}: {told} of {len(front.solutions)} solutions."
    sentences = [words, f"Each is the same recipe trained with another preference ({front.method})."]
    picture = None
    if missing:
        sentences.append(f"No picture: a figure of solution {', '.join(missing)} is not known.")
    else:
        axes = [front_axis(task, front.metrics[task]) for task in front.tasks]
        picture = front_chart(words, [point for point in points if point is not None], *axes)
    return render_page(
        FrontPage(
            title=f"{front.recipe} · Plait front",
            eyebrow=front.recipe,
            heading=f"{first} against {second}.",
            sentences=sentences,
            picture=picture,
            columns=[
                *(f"{task}: preference" for task in front.tasks),
                *(front_axis(task, metric).name for task, metric in front.metrics.items()),
                "",
            ],
            rows=[_row(solution, front) for solution in front.solutions],
            plait=front.plait,
        )
    )


def _row(solution: Solution, front: Front) -> FrontRow:
    """Lay out a solution's preferences, its figures with intervals, and who dominates it."""
    shares = [f"{solution.preferences.get(task, 0.0):.2f}" for task in front.tasks]
    figures = [figure_words(solution.figures.get(task)) for task in front.metrics]
    by = ", ".join(map(str, solution.dominated_by))
    return FrontRow([*shares, *figures, f"dominated by {by}" if by else "on the front"], bool(by))


def _value(solution: Solution, task: str) -> float:
    figure = solution.figures.get(task)
    return float("nan") if figure is None or figure.value is None else figure.value
