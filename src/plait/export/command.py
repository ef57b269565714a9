"""`plait export`: a bundle beside its run, compared with it before anybody sees it."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Literal

from plait.errors import RecipeError, RunError
from plait.export.bundle import load_bundle
from plait.export.certainty import Certainty, certainties
from plait.export.compiled import check_compiler, compile_graphs
from plait.export.compress import Beside, bytes_of, check_loss, quantise, table
from plait.export.eager import EagerBackend
from plait.export.golden import write_golden
from plait.export.onnx_backend import OnnxBackend
from plait.export.options import Options
from plait.export.parity import CLOSE, difference, rows_difference
from plait.export.serving import Serving
from plait.export.shape import shape_of
from plait.export.student import distilled, pruned_run
from plait.export.write import finish, write_bundle
from plait.run.run import Run, load

__all__ = ["export", "export_command"]


def export(run: Run, out: Path, options: Options | None = None) -> Serving:
    """Write a bundle; it appears whole, or not at all.

    Args:
        run: the run.
        out: a new folder.
        options: what it should be like.

    Raises:
        RecipeError: there is something in `out`, or two ways to make it smaller were asked for.
        RunError: the run cannot be exported, or the bundle says something else than the run, or more is lost.
    """
    options = options or Options()
    if options.distil and options.prune:
        raise RecipeError("A run should be made smaller in one way: `--distil` or `--prune`. Found both. Leave one out.")
    if not shape_of(run.layout).pairings and options.compiled:
        raise RecipeError(
            "`--compiled` should be given a run that ranks items for users, whose requests it is compiled for. Found tasks "
            "about single rows. Export without it."
        )
    if options.compiled:
        check_compiler()
    _make_room(out)
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        (part / "bundle").mkdir(parents=True)
        (part / "run").mkdir()
        serving = _written(run, part / "bundle", part / "run", options)
        if out.exists():
            out.rmdir()
        (part / "bundle").rename(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return serving


def export_command(folder: Path, out: Path, options: Options) -> tuple[list[str], object]:
    """Export a run folder.

    Returns:
        Lines for people, and the same as data.
    """
    serving = export(load(folder), out, options)
    size = bytes_of(out, serving)
    made = [] if serving.products is None else [serving.products]
    graphs = ", ".join([*(graph.file for graph in [*serving.graphs.values(), *made]), *serving.compiled.values()])
    tables = ", ".join(f"{stored.rows:,} rows of {name}" for name, stored in serving.tables.items())
    lines = [
        f"{out}: {graphs}; {tables} encoded once; {size / 1e6:,.1f} MB beside the run",
        f"scores as the run's: at most {serving.difference:.1e} apart on real rows{_of_what(options)}",
    ]
    if serving.unstored:
        lines.append(
            f"not stored: what the first layers make of each item, {serving.unstored / 1e6:,.0f} MB; --memory "
            f"{math.ceil(serving.unstored / 1e6)} would store it, and answers come sooner"
        )
    lines += [_answering(task, sure) for task, sure in serving.answers.items()]
    lines += ["", *table(serving.compared, "items" if serving.keys else "rows")] if serving.compared else []
    return lines, {"out": str(out), "bytes": size, **serving.model_dump(mode="json", exclude={"graphs", "products"})}


def _written(run: Run, folder: Path, scratch: Path, options: Options) -> Serving:
    """Write a bundle, compare it with its run, and make it smaller where that was asked for."""
    beside, name, source = Beside(run), "fp32", run
    if options.distil or options.prune:
        finish(scratch, write_bundle(run, scratch, options))
        beside.add("run", scratch)
        name = "distilled" if options.distil else "pruned"
        small = scratch / "small"
        source = distilled(run, small) if options.distil else pruned_run(run, small, options.prune)
    serving = write_bundle(source, folder, options)
    found = {"answers": certainties(source), "difference": _compare(folder, source)}
    serving = serving.model_copy(update=found)
    if options.compiled:
        serving = compile_graphs(source, folder, serving)
        finish(folder, serving)
        serving = serving.model_copy(update={"difference": max(serving.difference, _compare(folder, source, "torch"))})
    finish(folder, serving)
    exact = beside.add(name, folder)
    if options.int8:
        serving = quantise(folder, serving, exact, source)
        beside.add("int8" if name == "fp32" else f"{name} int8", folder)
    if len(beside) > 1:
        serving = serving.model_copy(update={"compared": beside.compared()})
        finish(folder, serving)
        check_loss(serving.compared, options.loss)
    # Written last: what is said again before a model is put in place is what this bundle says, made smaller or not.
    write_golden(folder, load_bundle(folder).backend, CLOSE)
    finish(folder, serving)
    return serving


def _answering(task: str, sure: Certainty) -> str:
    """Say when answers to questions count as known, and what that came to."""
    valid = sure.valid
    bound = f"at least {valid.at_least:.0%} by the {valid.questions:,} questions of the validation part"
    if sure.threshold is None:
        return f"{task}: answers nothing: {sure.wanted:.0%} of answers should be right, surely they are {bound}"
    test = sure.test
    tested = (
        "" if test is None or test.precision is None else f"; on the test part {test.precision:.0%} of {test.coverage:.0%}"
    )
    return f"{task}: answers {valid.coverage:.0%} of questions, {valid.precision or 0:.0%} of them right, {bound}{tested}"


def _of_what(options: Options) -> str:
    """Say what the scores are compared with, and before what."""
    small = " (the smaller one's)" if options.distil or options.prune else ""
    return f"{small}{', before 8 bits' if options.int8 else ''}"


def _make_room(out: Path) -> None:
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise RecipeError(f"`--out {out}` should be a new folder. Found something in it. Choose another, or delete it.")


def _compare(folder: Path, run: Run, runtime: Literal["onnx", "torch"] = "onnx") -> float:
    """Compare a bundle with its run.

    Raises:
        RunError: they say something else.
    """
    backend = load_bundle(folder, runtime).backend
    assert isinstance(backend, OnnxBackend)
    found = [difference(backend, EagerBackend(run)), rows_difference(backend, run)]
    apart, where = max(found, key=lambda one: float("inf") if one[0] != one[0] else one[0])
    if not apart <= CLOSE:
        raise RunError(
            f"A bundle should say what its run says, to {CLOSE:g} on real rows. Found {where} {apart:.2g} apart. Nothing "
            "was written. `plait serve RUN` serves the run as it is."
        )
    return apart
