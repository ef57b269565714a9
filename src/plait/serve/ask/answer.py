"""A customer's question: the nearest answer with its id, or that it is not known."""

import time
from threading import Lock
from typing import Final, final

import torch
from torch import Tensor

from plait.errors import RunError
from plait.export.bundle import Bundle
from plait.export.certainty import Certainty, certainty, chances
from plait.layout import TaskLayout
from plait.run.reads import Reading, packed, reading_of
from plait.serve.ask.answers import Answered, Reply, SearchFound
from plait.serve.ask.questions import AnswerAsked
from plait.serve.catalogue import Catalogue

__all__ = ["Responder"]

_UNKNOWN: Final = "I don't know; nothing here answers that surely enough."


@final
class Responder:
    """Answers questions by the first retrieval task that reads nothing but a text.

    Args:
        bundle: the run.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._run, self._version, self._answers = bundle.run, bundle.version, bundle.answers
        self._lock = Lock()
        found = [(task, reading_of(self._run, task)) for task in self._run.layout.tasks.values() if task.kind == "retrieval"]
        self._task: tuple[TaskLayout, Reading] | None = next(
            ((task, reading) for task, reading in found if reading is not None), None
        )
        self._made: tuple[Tensor, Certainty | None, Catalogue] | None = None

    @property
    def able(self) -> bool:
        """Whether there is a task that answers questions."""
        return self._task is not None

    def warm(self) -> None:
        """Answer something, so that encoder and answers are there when the first question comes."""
        if self.able:
            self.answer(AnswerAsked(question="a question"))

    def nearest(self, asked: AnswerAsked, found: SearchFound) -> Answered:
        """Write what a search by words found as an answer, of which nobody can say how sure it is."""
        return Answered(
            model=self._version,
            took=found.took,
            question=asked.question,
            known=False,
            text=f"{_UNKNOWN} What follows is nearest to it." if found.items else _UNKNOWN,
            by=found.by,
            threshold=None,
            precision=None,
            coverage=None,
            answers=[Reply(id=p.item, title=p.title or p.item, score=p.score or 0.0) for p in found.items],
        )

    def answer(self, asked: AnswerAsked) -> Answered:
        """Answer a question from the rows that the retrieval task finds.

        Raises:
            RunError: no retrieval task of the run reads a text and nothing else.
        """
        start = time.perf_counter()
        task, reading = self._able()
        places, sure, catalogue = self._ready()
        _, columns = packed(self._run, reading, [asked.question])
        with self._lock:
            query = self._run.scorer.outputs(reading.table, torch.tensor([1]), [task.name], columns)[task.name]
        scores = chances(self._run, task, query, places)[0]
        best = scores.topk(min(asked.count, len(scores) - 1))
        rows, values = best.indices.tolist(), best.values.tolist()
        threshold = None if sure is None else sure.threshold
        known = bool(rows) and threshold is not None and values[0] >= threshold
        texts = self._texts(catalogue, rows)
        said = f"{texts[0]} [{catalogue.id(rows[0])}]" if known else _UNKNOWN
        return Answered(
            model=self._version,
            took={"total": round((time.perf_counter() - start) * 1000, 3)},
            question=asked.question,
            known=known,
            text=said,
            by=task.name,
            threshold=threshold,
            precision=None if sure is None or threshold is None else sure.valid.precision,
            coverage=None if sure is None else sure.valid.coverage if threshold is not None else 0.0,
            answers=[
                Reply(id=catalogue.id(row), title=text, score=value)
                for row, text, value in zip(rows, texts, values, strict=True)
            ],
        )

    def _able(self) -> tuple[TaskLayout, Reading]:
        if self._task is None:
            raise RunError(
                "Questions are answered by a retrieval task that reads nothing but a text, so the recipe should have one, "
                "such as `answer: {table: questions, kind: retrieval, label: answer_id, inputs: [questions.text]}`. "
                f"Found none among {list(self._run.layout.tasks)}."
            )
        return self._task

    def _ready(self) -> tuple[Tensor, Certainty | None, Catalogue]:
        with self._lock:
            if self._made is None:
                task, _ = self._able()
                assert task.target is not None
                places = self._run.scorer.candidates(task.name).float()
                catalogue = Catalogue(self._run, task.target, lambda _: None)
                # A bundle knows it from its export; of a run it is found out here.
                sure = self._answers.get(task.name) or certainty(self._run, task, places)
                self._made = (places, sure, catalogue)
            return self._made

    def _texts(self, catalogue: Catalogue, rows: list[int]) -> list[str]:
        """Return what the rows say: the first of their texts that was kept, else what they are called."""
        plan = self._run.prepared.plan
        titles = [card.title for card in catalogue.cards(rows)] if rows else []
        if catalogue.table not in plan.ids or not rows:
            return titles
        raw = self._run.prepared.raw(catalogue.table, torch.tensor(rows))
        features = self._run.layout.tables[catalogue.table].features
        texts = [f.name.partition(".")[2] for f in features if f.kind == "text"]
        named = next((name for name in texts if name in raw.column_names), None)
        written = titles if named is None else raw[named].to_pylist()
        return [str(text or title) for text, title in zip(written, titles, strict=True)]
