"""What the tasks on texts say of a text: its sentiment, its topics, its keywords."""

from __future__ import annotations

import time
from threading import Lock
from typing import Final, final

import torch
from torch import Tensor

from plait.errors import RunError
from plait.export.bundle import Bundle
from plait.run.phrases import cut_out, phrase_columns
from plait.run.reads import Reading, packed, reading_of
from plait.serve.ask.answers import Analysed, Topic
from plait.serve.ask.questions import AnalyseAsked
from plait.serve.readings import reading as read
from plait.tasks.base import Head

__all__ = ["Analyst"]

_KINDS: Final = ("binary", "ordinal", "multiclass", "multilabel", "regression", "amount", "tagging")
_MOST: Final = 20


@final
class Analyst:
    """Reads texts with the tasks that read nothing else.

    Args:
        bundle: the run.

    Attributes:
        tasks: where each of them reads its text.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._run, self._version = bundle.run, bundle.version
        self._lock = Lock()
        layouts = {n: task for n, task in self._run.layout.tasks.items() if task.kind in _KINDS}
        found = {name: reading_of(self._run, task) for name, task in layouts.items()}
        self.tasks: dict[str, Reading] = {name: reading for name, reading in found.items() if reading is not None}

    def warm(self) -> None:
        """Read something, so that the encoder is there when the first text comes."""
        if self.tasks:
            self.analyse(AnalyseAsked(texts=["a text"]))

    def analyse(self, asked: AnalyseAsked) -> Analysed:
        """Answer what every task on texts says of each text.

        Raises:
            RunError: no task of the run reads a text and nothing else.
        """
        if not self.tasks:
            raise RunError(
                "A text is analysed by tasks that read nothing but a text, so the recipe should have one, such as "
                "`sentiment: {table: reviews, kind: binary, label: stars >= 4, inputs: [reviews.text]}`. "
                f"Found none among {list(self._run.layout.tasks)}."
            )
        start = time.perf_counter()
        said: list[list[Topic]] = [[] for _ in asked.texts]
        for place in dict.fromkeys(self.tasks.values()):
            tasks = [name for name, reading in self.tasks.items() if reading == place]
            for topics, more in zip(said, self._of(place, tasks, asked.texts), strict=True):
                topics += more
        took = {"total": round((time.perf_counter() - start) * 1000, 3)}
        return Analysed(model=self._version, took=took, texts=said)

    def _of(self, place: Reading, tasks: list[str], texts: list[str]) -> list[list[Topic]]:
        run = self._run
        rows, columns = packed(run, place, texts)
        numbers = torch.arange(1, len(texts) + 1)
        with self._lock:
            outputs = run.scorer.outputs(place.table, numbers, tasks, columns)
        found: list[list[Topic]] = [[] for _ in texts]
        for task in tasks:
            if run.layout.tasks[task].kind == "tagging":
                cut = cut_out(outputs[task], columns.words[f"{place.table}.{place.column}"], numbers)
                written = phrase_columns(task, cut, rows[place.column])
                pairs = zip(written[task].to_pylist(), written[f"{task}.chance"].to_pylist(), strict=True)
                for topics, (phrases, chances) in zip(found, pairs, strict=True):
                    topics.append(_keywords(task, phrases, chances))
            else:
                for topics, output in zip(found, outputs[task], strict=True):
                    topics.append(self._topic(task, output))
        return found

    def _topic(self, task: str, output: Tensor) -> Topic:
        head = self._run.model.head(task)
        assert isinstance(head, Head)
        said = read(self._run.layout.tasks[task], head.columns, output)
        chances = {chance.name: chance.probability for chance in said.chances}
        best = said.best or next(iter(chances), None)
        return Topic(task=task, kind=said.kind, value=said.value, best=best, chances=chances)


def _keywords(task: str, phrases: list[str], chances: list[float]) -> Topic:
    """Write phrases, the surest first; one that stands several times is as sure as its surest."""
    best: dict[str, float] = {}
    for phrase, chance in sorted(zip(phrases, chances, strict=True), key=lambda pair: -pair[1])[:_MOST]:
        best.setdefault(phrase, chance)
    return Topic(task=task, kind="tagging", best=next(iter(best), None), chances=best)
