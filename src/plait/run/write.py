"""A finished job → the files of its run folder, the manifest last."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.torch import save

from plait.data.columns import Prepared
from plait.data.files import file_name
from plait.measure import Outcome
from plait.model import MultiTaskModel
from plait.recipe import Recipe
from plait.report.html import render
from plait.run.content import Measured, figures_of, report_of
from plait.run.log import read_weights
from plait.run.manifest import ENCODER, PHASES, write_file, write_manifest

__all__ = ["write_run"]


def write_run(folder: Path, recipe: Recipe, prepared: Prepared, model: MultiTaskModel, measured: Measured) -> None:
    """Write everything a finished run holds.

    The run keeps the prepared tables (as links to the same bytes where the file system can), so that it predicts and serves
    without the sources.
    """
    report, figures = report_of(recipe, prepared, measured), figures_of(recipe, prepared, measured)
    weights = read_weights(folder / "log.jsonl", list(recipe.tasks))
    if weights is not None:
        figures = figures.model_copy(update={"weights": weights})
    if model.encoder.texts is not None:
        model.encoder.texts.export(folder / ENCODER)
    write_file(folder / "weights.safetensors", save(model.state_dict()))
    _keep(prepared.folder, folder / "tables")
    _keep(prepared.folder / "vocabulary", folder / "vocabulary")
    for side, outcomes in (("joint", measured.joint), ("alone", measured.alone)):
        for name, outcome in outcomes.items():
            _write_predictions(folder / "predictions" / f"{side}-{file_name(name)}.parquet", name, outcome)
    write_file(folder / "report.json", report.text())
    write_file(folder / "figures.json", figures.text())
    write_file(folder / "report.html", render(report, figures, recipe.to_yaml()))
    write_manifest(folder)
    shutil.rmtree(folder / PHASES, ignore_errors=True)


def _keep(source: Path, target: Path) -> None:
    """Link, or else copy, a folder of files that are never written again."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, copy_function=_link)


def _link(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
    return target


def _write_predictions(path: Path, task: str, outcome: Outcome) -> None:
    """Write what was predicted for the test examples, beside their labels."""
    path.parent.mkdir(exist_ok=True)
    columns: dict[str, np.ndarray] = {"label": outcome.label[:, 0]}
    columns |= {f"prediction_{i}": outcome.prediction[:, i] for i in range(outcome.prediction.shape[1])}
    if len(outcome.rank):
        columns["rank"] = outcome.rank
    rows = pa.table({name: pa.array(values) for name, values in columns.items()})
    pq.write_table(rows.replace_schema_metadata({"task": task}), path, write_page_checksum=True)
