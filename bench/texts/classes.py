"""Tasks with classes on one column of texts: the three contestants on the same rows, set side by side."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.texts.compare import of_answer, of_joint
from bench.texts.contestants import Answer, Plain, classify, joint, tfidf
from bench.texts.kept import Result
from bench.texts.plan import Plan
from bench.texts.race import Tasks, race

__all__ = ["Ground", "compete"]


@dataclass(frozen=True)
class Ground:
    """Texts with labels, and what is asked about them."""

    name: str
    rows: pa.Table
    """With a column `part`: `train` and `test` are what all see; others are for Plait alone, whose recipe may read them."""
    text: str
    """The column of texts."""
    tasks: Tasks
    """By column of labels."""
    recipe: Mapping[str, Any]
    """Plait's; its one source is `rows.parquet`, and it has tasks of these names."""
    plain: Plain
    characters: bool = False
    """Whether characters are counted and not words."""
    about: Mapping[str, Any] | None = None
    """Further facts for the page."""

    def part(self, name: str) -> pa.Table:
        """Return the rows of a part."""
        return self.rows.filter(pa.array(np.array(self.rows["part"].to_pylist(), dtype=object) == name))

    def classes(self, task: str) -> list[Any]:
        """Return the classes that rows to train on have."""
        return sorted({one for one in self.part("train")[task].to_pylist() if one is not None}, key=str)


def compete(ground: Ground, plan: Plan) -> dict[str, Any]:
    """Let the contestants train and answer, and compare them task by task."""
    train, test = ground.part("train"), ground.part("test")
    size = [ground.rows.num_rows, train.num_rows, test.num_rows, plan.validate]
    makes: dict[str, tuple[object, Callable[[], Result]]] = {
        "tf-idf": ([size, ground.characters], lambda: _words(ground, train, test)),
        "plain": ([size, asdict(ground.plain)], lambda: _plain(ground, train, test)),
        "plait": ([size, [ground.recipe, plan.changes]], lambda: _plait(ground, test, plan.changes)),
    }
    facts = {"train": train.num_rows, "test": test.num_rows, **(ground.about or {})}
    return race(ground.name, makes, ground.tasks, plan, facts)


def _words(ground: Ground, train: pa.Table, test: pa.Table) -> Result:
    analyser: Literal["word", "char"] = "char" if ground.characters else "word"
    return _alone(ground, train, test, lambda texts, labels, asked: tfidf(texts, labels, asked, analyser))


def _plain(ground: Ground, train: pa.Table, test: pa.Table) -> Result:
    return _alone(ground, train, test, lambda texts, labels, asked: classify(texts, labels, asked, ground.plain))


def _alone(
    ground: Ground, train: pa.Table, test: pa.Table, ask: Callable[[Sequence[str], Sequence[Any], Sequence[str]], Answer]
) -> Result:
    """Train a contestant for each task alone."""
    outcomes, cost = {}, {}
    for task in ground.tasks:
        labels = train[task].to_pylist()
        there = [place for place, label in enumerate(labels) if label is not None]
        texts = train[ground.text].to_pylist()
        answer = ask([texts[i] for i in there], [labels[i] for i in there], test[ground.text].to_pylist())
        outcomes[task] = of_answer(answer, test[task].to_pylist(), ground.classes(task))
        cost[task] = answer.cost
        print(f"    {task}: {answer.cost:.0f} s of processor", flush=True)
    return Result(outcomes, sum(cost.values()), {"costs": cost})


def _plait(ground: Ground, test: pa.Table, changes: Sequence[str]) -> Result:
    with tempfile.TemporaryDirectory(prefix="plait-texts-") as folder:
        pq.write_table(ground.rows, Path(folder) / "rows.parquet")
        found = joint(dict(ground.recipe), Path(folder), changes)
    outcomes = {task: of_joint(found, task, test[task].to_pylist(), ground.classes(task)) for task in ground.tasks}
    fitted = found.fitted
    notes = {"trained": fitted.trained, "epochs": fitted.epochs, "best": fitted.best_epoch, "steps": fitted.steps}
    return Result(outcomes, found.cost, notes | {"losses": {n: c.losses for n, c in fitted.curves.items()}})
