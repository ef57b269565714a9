"""`plait export`: a bundle beside its run, compared with it before anybody sees it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Literal

from plait.errors import RecipeError, RunError
from plait.export.bundle import load_bundle
from plait.export.compiled import compile_graphs
from plait.export.compress import bytes_of, check_loss, quantise, table
from plait.export.eager import EagerBackend
from plait.export.options import Options
from plait.export.parity import CLOSE, difference
from plait.export.serving import Serving
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
        RecipeError: there is something in `out`.
        RunError: the run cannot be exported, or the bundle says something else than the run, or more is lost.
    """
    options = options or Options()
    _make_room(out)
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        serving = _written(run, part, options)
        if out.exists():
            out.rmdir()
        part.rename(out)
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
    graphs = ", ".join([*(graph.file for graph in serving.graphs.values()), *serving.compiled.values()])
    tables = ", ".join(f"{stored.rows:,} rows of {name}" for name, stored in serving.tables.items())
    lines = [
        f"{out}: {graphs}; {tables} encoded once; {size / 1e6:,.1f} MB beside the run",
        f"scores as the run's: at most {serving.difference:.1e} apart on real rows{', in fp32' if options.int8 else ''}",
    ]
    lines += ["", *table(serving.compared)] if serving.compared else []
    return lines, {"out": str(out), "bytes": size, **serving.model_dump(mode="json", exclude={"graphs"})}


def _written(run: Run, folder: Path, options: Options) -> Serving:
    """Write a bundle, compare it with its run, and make it smaller where that was asked for."""
    serving = write_bundle(run, folder, options.formula)
    serving = serving.model_copy(update={"difference": _compare(folder, run)})
    if options.compiled:
        serving = compile_graphs(run, folder, serving)
        finish(folder, serving)
        serving = serving.model_copy(update={"difference": max(serving.difference, _compare(folder, run, "torch"))})
    finish(folder, serving)
    if options.int8:
        serving = quantise(run, folder, serving)
        check_loss(serving.compared, options.loss)
    return serving


def _make_room(out: Path) -> None:
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise RecipeError(f"`--out {out}` should be a new folder. Found something in it. Choose another, or delete it.")


def _compare(folder: Path, run: Run, runtime: Literal["onnx", "torch"] = "onnx") -> float:
    """Compare a bundle with its run.

    Raises:
        RunError: they say something else.
    """
    apart, where = difference(load_bundle(folder, runtime).backend, EagerBackend(run))
    if not apart <= CLOSE:
        raise RunError(
            f"A bundle should say what its run says, to {CLOSE:g} on real rows. Found {where} {apart:.2g} apart. Nothing "
            "was written. `plait serve RUN` serves the run as it is."
        )
    return apart
