"""The picture of why of a finished run: what was recorded while it was trained, and steps tried with the finished model."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import Final

from plait.errors import RecipeError, RunError
from plait.measure import Interval, load
from plait.report.conflict.page import render_conflicts
from plait.report.conflict.pulls import Pull, pulls, pushes
from plait.report.conflict.words import cosine_words, percents, sentences, thresholds
from plait.report.content import Report
from plait.report.figures import Figures
from plait.report.words import table
from plait.run.manifest import check_manifest, write_file
from plait.run.run import Run
from plait.run.why import measure_transfer

__all__ = ["conflicts"]

_MOST_ROWS: Final = 30
_RECORDED: Final = ("report.json", "figures.json")


def conflicts(
    folder: Path, batches: int = 0, rate: float | None = None, out: Path | None = None
) -> tuple[list[str], dict[str, object]]:
    """Return what the tasks of a run do to each other: sentences and tables, and the same as data.

    What was recorded while the run was trained needs `report.json` and `figures.json` alone. Steps with the finished model
    need its weights and prepared tables, which a whole run holds; never the source tables.

    Args:
        folder: the run.
        batches: try steps for each task with the finished model on that many pairs of batches; 0 leaves what was recorded.
        rate: learning rate of these steps; the recipe's where not said.
        out: where the page goes, `.html`.

    Raises:
        RunError: there is no such run, or steps are asked for and its weights or tables are missing.
        CorruptError: a file that is needed is missing or altered.
        RecipeError: `out` is no page, or there are too few batches for an interval.
    """
    if out is not None and out.suffix not in (".html", ".htm"):
        raise RecipeError(f"`--out` should be a page, `.html`, since that is what is written. Found `{out}`.")
    if batches and batches < 3:
        raise RecipeError(f"`--batches` should be 3 or more, since an interval needs a spread. Found {batches}.")
    check_manifest(folder, _RECORDED)
    report = Report.model_validate_json((folder / "report.json").read_text(encoding="utf-8"))
    figures = Figures.model_validate_json((folder / "figures.json").read_text(encoding="utf-8"))
    if batches and len(report.tasks) > 1:
        run = _whole(folder)
        figures = figures.model_copy(
            update={"transfer": measure_transfer(run.recipe, run.prepared, run.model, batches, rate)}
        )
    notes = _notes(folder, report, figures)
    if out is not None:
        write_file(out, render_conflicts(report, figures, notes))
    return _lines(report, figures, notes), _data(report, figures, notes)


def _whole(folder: Path) -> Run:
    """Load the run with its weights and tables."""
    missing = [name for name in ("weights.safetensors", "tables", "vocabulary") if not (folder / name).exists()]
    if missing:
        raise RunError(
            "`--batches` needs the weights and the prepared tables of the run, since steps are tried on its rows (the "
            f"source tables are not needed). Found no `{'`, no `'.join(str(folder / name) for name in missing)}`. Copy the "
            "whole run, or leave --batches out: what was recorded in training is shown without them."
        )
    return Run(folder)


def _notes(folder: Path, report: Report, figures: Figures) -> list[str]:
    """Say what is missing and how to get it."""
    if len(report.tasks) < 2:
        return ["The run has one task, so nothing can conflict."]
    notes = []
    if not figures.cosine.steps:
        notes.append("No gradients were looked at while the run was trained (`train.probes: 0`); train with `train.probes`.")
    elif not figures.cosine.parts:
        notes.append("The run was trained before gradients were looked at by part of the model; train it again for that.")
    if not figures.transfer.tasks:
        notes.append(
            f"No steps were tried; `plait explain conflicts {folder} --batches 16` tries them with the saved model."
        )
    return notes


def _lines(report: Report, figures: Figures, notes: Sequence[str]) -> list[str]:
    lines = [*sentences(report, figures), *notes]
    found = pulls(figures.cosine)
    if found:
        lines += ["", *_angles(found)]
    pushed = pushes(figures)
    if pushed:
        when = "while it was trained" if figures.transfer.when == "training" else "with the finished model"
        title = f"By how much a step for one task lowers the loss of another, {when}, {figures.transfer.batches} draws"
        between = sorted((p for p in pushed if p.source != p.target), key=lambda p: p.value)
        rows = [
            [p.source, p.target, f"{percents(p.value)} % ({percents(p.low)} to {percents(p.high)})", p.direction]
            for p in between[:_MOST_ROWS]
        ]
        lines += ["", title, *table([["step for", "loss of", "share", "verdict"], *rows])]
    return [*lines, "", thresholds()]


def _angles(found: Sequence[Pull]) -> list[str]:
    """Lay out the pairs that agree least, and of their parts those in which they pull apart."""
    whole = sorted((pull for pull in found if not pull.part), key=lambda pull: pull.cosine.value)[:_MOST_ROWS]
    pairs = {(pull.first, pull.second): place for place, pull in enumerate(whole)}
    shown = [pull for pull in found if (pull.first, pull.second) in pairs and (not pull.part or pull.direction == "apart")]
    rows = [
        [
            f"{pull.first} · {pull.second}",
            pull.part or "all they share",
            cosine_words(pull.cosine),
            f"{100 * pull.against:.0f} % of {pull.draws}",
            pull.direction + (f" from epoch {pull.since}" if pull.since > 1 else ""),
        ]
        for pull in sorted(shown, key=lambda pull: (pairs[pull.first, pull.second], pull.part))
    ]
    more = "Every part of every pair is in --json, and in the picture of --out."
    return [*table([["tasks", "part", "mean cosine", "below 0", "verdict"], *rows]), more]


def _data(report: Report, figures: Figures, notes: Sequence[str]) -> dict[str, object]:
    transfer = figures.transfer
    return {
        "sentences": sentences(report, figures),
        "notes": list(notes),
        "thresholds": thresholds(),
        "cosine": [
            {
                "first": pull.first,
                "second": pull.second,
                "part": pull.part or None,
                **_interval(pull.cosine),
                "below_zero": pull.against,
                "draws": pull.draws,
                "verdict": pull.direction,
                "since_epoch": pull.since or None,
            }
            for pull in pulls(figures.cosine)
        ],
        "transfer": {
            **transfer.model_dump(exclude={"lowered", "tasks"}),
            "lowered": [
                {"step": p.source, "loss": p.target, "value": p.value, "low": p.low, "high": p.high, "verdict": p.direction}
                for p in pushes(figures)
            ],
        },
        "experts": {level: _load(gate.tasks) for level, gate in figures.gates.items()},
        "weights": figures.weights.model_dump(),
    }


def _interval(found: Interval) -> dict[str, float | None]:
    edges = {"value": found.value, "low": found.low, "high": found.high}
    return {name: edge if isfinite(edge) else None for name, edge in edges.items()}


def _load(shares: dict[str, list[float | None]]) -> dict[str, object] | None:
    found = load(shares)
    if found is None:
        return None
    numbers = {"dead": [expert + 1 for expert in found.dead]}
    collapsed = {task: expert + 1 for task, expert in found.collapsed.items()}
    return {"variation": found.variation, "entropy": found.entropy, "use": found.use, **numbers, "collapsed": collapsed}
