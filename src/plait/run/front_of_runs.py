"""The Pareto front of two tasks over runs that exist: which of them no other beats in both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from plait.errors import RecipeError, nearest
from plait.measure import dominated
from plait.report.content import Figure, Report
from plait.report.figures import Figures
from plait.report.front_page import FrontPage, FrontRow, front_axis, front_point, render_page
from plait.report.pictures import FrontAxis, FrontPoint, front_chart, on_its_own
from plait.report.words import figure_words, names, table
from plait.run.manifest import check_manifest, write_file

__all__ = ["front"]


def front(
    folders: Sequence[Path], tasks: Sequence[str], part: str = "test", out: Path | None = None
) -> tuple[list[str], dict[str, object]]:
    """Set two tasks of several runs against each other.

    Args:
        folders: runs of the same data.
        tasks: two tasks; their deciding figures are compared.
        part: `test` with intervals, or `valid`, at the epoch whose weights were kept, without.
        out: where the picture goes: `.html` with the table, or `.svg` alone.

    Returns:
        Lines for people, and the runs with their figures and who dominates them.

    Raises:
        RecipeError: not two tasks, a run lacks one, the runs are decided by different figures, or `out` is no picture.
        RunError: there is no such run.
    """
    if len(tasks) != 2 or tasks[0] == tasks[1]:
        raise RecipeError(f"`--tasks` should name two different tasks, such as `like,stars`. Found {list(tasks)}.")
    if part not in ("test", "valid"):
        raise RecipeError(f"`--part` should be `test` or `valid`. Found `{part}`.")
    if out is not None and out.suffix not in (".html", ".htm", ".svg"):
        raise RecipeError(f"`--out` should be a page or a picture, `.html` or `.svg`. Found `{out}`.")
    reports = {str(folder): _read(folder) for folder in folders}
    axes = [_axis(reports, task) for task in tasks]
    found = {run: [_figure(*read, task, part) for task in tasks] for run, read in reports.items()}
    points = {run: front_point(run, *figures) for run, figures in found.items()}
    known = {run: point for run, point in points.items() if point is not None}
    by = dominated([(point.x, point.y) for point in known.values()], [axis.larger_is_better for axis in axes])
    runs = list(known)
    beaten = {run: [runs[number] for number in numbers] for run, numbers in zip(runs, by, strict=True)}
    said = _sentences({run: report for run, (report, _) in reports.items()}, points, beaten, part)
    columns = ["run", *(axis.name for axis in axes), "dominated by"]
    beats = [", ".join(str(1 + number) for number in numbers) or "– (on the front)" for numbers in by]
    rows = [[run, *map(figure_words, found[run]), told] for run, told in zip(runs, beats, strict=True)]
    if out is not None:
        behind = [bool(numbers) for numbers in by]
        write_file(out, _drawn(out.suffix == ".svg", list(known.values()), axes, said, (columns, rows, behind)))
    data: dict[str, object] = {
        "tasks": list(tasks),
        "metrics": [reports[runs[0]][0].tasks[task].metric for task in tasks] if runs else [],
        "part": part,
        "runs": [
            {"run": run, "figures": [figure.model_dump() for figure in found[run]], "dominated_by": beaten.get(run)}
            for run in reports
        ],
        "sentences": said,
    }
    return [*table([["", *columns], *([str(number), *row] for number, row in enumerate(rows, 1))]), "", *said], data


def _read(folder: Path) -> tuple[Report, Figures]:
    check_manifest(folder, ("report.json", "figures.json"))
    return (
        Report.model_validate_json((folder / "report.json").read_text(encoding="utf-8")),
        Figures.model_validate_json((folder / "figures.json").read_text(encoding="utf-8")),
    )


def _axis(reports: Mapping[str, tuple[Report, Figures]], task: str) -> FrontAxis:
    """Return what is counted along one side; the same in every run."""
    metrics: dict[str, str] = {}
    for run, (report, _) in reports.items():
        if task not in report.tasks:
            hint = nearest(task, list(report.tasks))
            raise RecipeError(f"`--tasks` should name tasks of every run. Found no `{task}` in `{run}`.{hint}")
        metrics.setdefault(report.tasks[task].metric, run)
    if len(metrics) > 1:
        told = ", ".join(f"`{metric}` in `{run}`" for metric, run in metrics.items())
        raise RecipeError(
            f"Runs should be decided by the same figure of `{task}`, or they cannot be compared. Found {told}."
        )
    metric = next(iter(metrics))
    return front_axis(task, metric)


def _figure(report: Report, figures: Figures, task: str, part: str) -> Figure:
    """Return the deciding figure of a task on a part."""
    content = report.tasks[task]
    nothing = Figure(value=None, low=None, high=None)
    if part == "test":
        return content.joint.get(content.metric, nothing)
    kept = content.epochs.get("joint")
    scores = dict(figures.curves.get(task, {}).get("joint", []))
    return nothing if kept is None else Figure(value=scores.get(kept), low=None, high=None)


def _drawn(
    alone: bool,
    points: Sequence[FrontPoint],
    axes: Sequence[FrontAxis],
    sentences: Sequence[str],
    laid_out: tuple[Sequence[str], Sequence[Sequence[str]], Sequence[bool]],
) -> str:
    """Return the picture alone, or the page around it: with the columns, the rows, and which of these are dominated."""
    across, up = axes
    picture = front_chart(f"{across.name} against {up.name} of {len(points)} runs", points, across, up)
    if alone:
        return on_its_own(picture)
    columns, rows, behind = laid_out
    return render_page(
        FrontPage(
            title=f"{across.name} against {up.name}",
            eyebrow=f"{len(points)} runs",
            heading=f"What {across.name} costs in {up.name}.",
            sentences=sentences,
            picture=picture,
            columns=columns,
            rows=[FrontRow(row, beaten) for row, beaten in zip(rows, behind, strict=True)],
        )
    )


def _sentences(
    reports: Mapping[str, Report], points: Mapping[str, FrontPoint | None], beaten: Mapping[str, list[str]], part: str
) -> list[str]:
    """Say who is on the front, and what the comparison does not show."""
    ahead = [run for run, by in beaten.items() if not by]
    said = []
    if len(beaten) == 1:
        said.append("One run makes no front; name more.")
    elif ahead:
        said.append(f"On the front: {names(ahead)}.")
        behind = len(beaten) - len(ahead)
        said.append(f"{behind} of {len(beaten)} runs are dominated: another is at least as good in both and better in one.")
    missing = [run for run, point in points.items() if point is None]
    if missing:
        said.append(f"Left out, for a figure is not known: {names(missing)}.")
    if part == "test":
        said.append(
            "The intervals are those of each run on its own; runs tested on the same rows may differ although they overlap. "
            "Choose between runs on the validation part (`--part valid`), and look at the test part once."
        )
    sizes = {report.data.test if part == "test" else report.data.valid for report in reports.values()}
    if len(sizes) > 1:
        said.append("The runs do not have the same number of examples in that part, so they are not of the same data.")
    return said
