"""A customer's question: the nearest answer with its id, or that it is not known."""

import time
from dataclasses import dataclass
from threading import Lock
from typing import Final, final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from plait.data.questions import Answers
from plait.errors import RunError
from plait.export.bundle import Bundle
from plait.layout import TaskLayout
from plait.serve.ask.answers import Answered, Reply, SearchFound
from plait.serve.ask.questions import AnswerAsked
from plait.serve.ask.reads import Reading, packed, reading_of
from plait.serve.catalogue import Catalogue
from plait.tasks.base import TwoTower

__all__ = ["Responder", "Sureness", "sureness"]

_ROWS: Final = 5_000
_FEWEST: Final = 20
_WANTED: Final = 0.8
_COVERED: Final = 0.05
_UNKNOWN: Final = "I don't know; nothing here answers that surely enough."


@final
@dataclass(frozen=True, slots=True)
class Sureness:
    """From which score on an answer counts as known.

    Attributes:
        threshold: that score.
        precision: of the questions of the validation part that it answers, the share that is answered right.
        coverage: the share of questions that it answers.
    """

    threshold: float
    precision: float
    coverage: float


@final
class Responder:
    """Answers questions by the first retrieval task that reads nothing but a text.

    Args:
        bundle: the run.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._run, self._version = bundle.run, bundle.version
        self._lock = Lock()
        found = [(task, reading_of(self._run, task)) for task in self._run.layout.tasks.values() if task.kind == "retrieval"]
        self._task: tuple[TaskLayout, Reading] | None = next(
            ((task, reading) for task, reading in found if reading is not None), None
        )
        self._made: tuple[Tensor, Sureness | None, Catalogue] | None = None

    @property
    def able(self) -> bool:
        """Whether there is a task that answers questions."""
        return self._task is not None

    def nearest(self, asked: AnswerAsked, found: SearchFound) -> Answered:
        """Write what a search by words found as an answer, of which nobody can say how sure it is."""
        return Answered(
            model=self._version,
            took=found.took,
            question=asked.question,
            known=False,
            text=f"{_UNKNOWN} What follows holds its words." if found.items else _UNKNOWN,
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
        scores = self._chances(task, query, places)[0]
        best = scores.topk(min(asked.count, len(scores) - 1))
        rows, values = best.indices.tolist(), best.values.tolist()
        known = bool(rows) and sure is not None and values[0] >= sure.threshold
        texts = self._texts(catalogue, rows)
        said = f"{texts[0]} [{catalogue.id(rows[0])}]" if known else _UNKNOWN
        return Answered(
            model=self._version,
            took={"total": round((time.perf_counter() - start) * 1000, 3)},
            question=asked.question,
            known=known,
            text=said,
            by=task.name,
            threshold=None if sure is None else sure.threshold,
            precision=None if sure is None else sure.precision,
            coverage=None if sure is None else sure.coverage,
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

    def _ready(self) -> tuple[Tensor, Sureness | None, Catalogue]:
        with self._lock:
            if self._made is None:
                task, _ = self._able()
                assert task.target is not None
                places = self._run.scorer.candidates(task.name).float()
                catalogue = Catalogue(self._run, task.target, lambda _: None)
                self._made = (places, self._sureness(task, places), catalogue)
            return self._made

    def _sureness(self, task: TaskLayout, places: Tensor) -> Sureness | None:
        """Ask the questions of the validation part."""
        prepared = self._run.prepared
        table = prepared.tables[task.table]
        rows = prepared.rows(task.name, "valid")
        if len(rows) > _ROWS:
            rows = rows[torch.linspace(0, len(rows) - 1, _ROWS).long()]
        if len(rows) < _FEWEST or task.target_role is None:
            return None
        queries = self._run.scorer.outputs(task.table, rows, [task.name])[task.name]
        best = torch.cat(
            [torch.stack(self._chances(task, some, places).max(dim=1)) for some in torch.split(queries, 512)], dim=1
        )
        key = table.layout.keys[prepared.layout.paths[task.table][task.target_role][0]]
        every = table.matrix[:, key].long()
        right = every[rows] == best[1].long()
        if task.name in table.questions:
            place, other = Answers(table, task.name, every).others(table.questions[task.name][rows], every[rows])
            right[place[best[1].long()[place] == other]] = True
        return sureness(best[0], right)

    def _chances(self, task: TaskLayout, queries: Tensor, places: Tensor) -> Tensor:
        """Return the chance of each answer among all; how much the best stands out tells more than how near it lies."""
        head = self._run.model.head(task.name)
        assert isinstance(head, TwoTower)
        with torch.no_grad():
            scores = head.scores(queries, places)
        scores[:, 0] = -torch.inf
        return scores.softmax(dim=1)

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


def sureness(scores: Float[Tensor, " n"], right: Bool[Tensor, " n"]) -> Sureness:
    """Choose from which score on an answer counts as known.

    The lowest score above which four of five answers are right, so that as many questions as can be are answered; where
    there is none, the score above which the largest share is right, of at least one question in twenty.

    Args:
        scores: of the best answer to each question.
        right: whether that is right.
    """
    order = scores.argsort(descending=True, stable=True)
    count = torch.arange(1, len(order) + 1)
    precision = right[order].double().cumsum(0) / count
    # Equal scores are answered all or none.
    ends = torch.cat([scores[order][:-1] > scores[order][1:], torch.tensor([True])])
    able = ends & (count >= max(_FEWEST // 2, _COVERED * len(order)))
    good = (able & (precision >= _WANTED)).nonzero()[:, 0]
    place = int(good[-1]) if len(good) else int(torch.where(able, precision, -1.0).argmax())
    return Sureness(float(scores[order][place]), float(precision[place]), (place + 1) / len(order))
