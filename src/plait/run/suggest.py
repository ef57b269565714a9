"""Active learning: which rows a person should label next, so that a task learns most from few labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, get_args

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from plait.data.columns import Columns
from plait.errors import RecipeError, nearest
from plait.measure.selection import badge, k_center
from plait.run.belief import belief_of, says_doubt
from plait.run.files import write_rows
from plait.run.pool import Pool, pool_of

if TYPE_CHECKING:
    from plait.run.run import Run

__all__ = ["By", "suggest", "suggest_file"]

By = Literal["entropy", "margin", "least_confident", "diverse", "badge"]
_MOST_KNOWN: Final = 10_000
"""So many labelled rows say well enough what is known."""


def suggest_file(folder: Path, task: str, table: Path | None, out: Path, count: int, by: str) -> tuple[list[str], object]:
    """Write the rows most worth labelling to a file, the best first.

    Args:
        folder: the run.
        task: a task of it.
        table: rows to choose from; the run's own rows without a label where not said.
        out: `.parquet` or `.csv`.
        count: how many rows.
        by: how they are chosen.

    Returns:
        Lines for people, and the same as data.

    Raises:
        RecipeError: a flag asks for what cannot be.
        DataError: there is no row without a label.
    """
    from plait.run.run import load

    if out.suffix not in (".parquet", ".csv"):
        raise RecipeError(f"`--out` should end in .parquet or .csv. Found `{out.name}`.")
    way: By | None = next((known for known in get_args(By) if known == by), None)
    if way is None:
        raise RecipeError(
            f"`--by` should be one of {', '.join(get_args(By))}. Found `{by}`.{nearest(by, list(get_args(By)))}"
        )
    run = load(folder)
    if task not in run.recipe.tasks:
        known = list(run.recipe.tasks)
        raise RecipeError(f"`--task` should be a task of the run: {known}. Found `{task}`.{nearest(task, known)}")
    if way != "diverse":
        says_doubt(run, task)
    pool = pool_of(run, task, table)
    found = suggest(run, task, pool, count, way)
    write_rows(found, out)
    lines = [f"{found.num_rows:,} of {len(pool.rows):,} rows of {pool.where} without a label of `{task}`, by {way}: {out}"]
    if found.num_rows < count:
        lines.append(f"{count:,} were asked for; these are all there are.")
    lines += [f"row {row['row']}: {row['why']}" for row in found.slice(0, 3).to_pylist()]
    return lines, {"task": task, "by": way, "rows": found.num_rows, "pool": len(pool.rows), "out": str(out)}


def suggest(run: Run, task: str, pool: Pool, count: int, by: By) -> pa.Table:
    """Return the rows most worth labelling, best first; what is drawn is drawn from the run's seed.

    Args:
        run: the run.
        task: a task of it.
        pool: the rows to choose from.
        count: how many; all where there are fewer.
        by: how they are chosen.

    Returns:
        What names each row, its `score`, and `why` in words.

    Raises:
        RecipeError: predictions of the task do not say how sure they are, and `by` asks for it.
    """
    if by == "diverse":
        rows, scores = k_center(_hidden(run, task, pool.table, pool.rows, pool.columns), count, _known(run, task))
        why = [f"{score:.3g} from the nearest row with a label or listed above" for score in scores]
        return _table(pool, rows, scores, why)
    says_doubt(run, task)
    belief = belief_of(run, task, pool)
    if by == "badge":
        places = _hidden(run, task, pool.table, pool.rows, pool.columns)
        rows, scores = badge(belief.pulls(), places, count, np.random.default_rng(run.recipe.seed))
        than = ["the longest gradient", *["gradient apart from those above"] * (len(rows) - 1)]
        said = zip(rows.tolist(), scores, than, strict=True)
        why = [f"{belief.words(row)}; {words}: {score:.3g}" for row, score, words in said]
        return _table(pool, rows, scores, why)
    doubt = belief.doubt(by)
    rows = np.argsort(-doubt, kind="stable")[:count]
    return _table(pool, rows, doubt[rows], [belief.words(row) for row in rows.tolist()])


def _table(pool: Pool, rows: np.ndarray, scores: np.ndarray, why: list[str]) -> pa.Table:
    names = pool.names.take(pa.array(rows))
    columns = dict(zip(names.column_names, names.columns, strict=True))
    return pa.table({**columns, "score": pa.array(scores), "why": pa.array(why, pa.string())})


def _hidden(run: Run, task: str, table: str, rows: Tensor, columns: Columns | None) -> np.ndarray:
    """Return the vector that the body gives the task for each row: what its tower reads."""
    found = []
    for batch in run.scorer.batches(table, rows, columns):
        with torch.no_grad():
            found.append(run.model.hidden(batch)[task].float().cpu())
    return torch.cat(found).numpy()


def _known(run: Run, task: str) -> np.ndarray:
    """Return the same for the training rows that have a label, evenly thinned out where there are many."""
    rows = run.prepared.rows(task, "train")
    kept = rows[:: -(-len(rows) // _MOST_KNOWN)]
    return _hidden(run, task, run.recipe.tasks[task].table, kept, None)
