"""What reviews of products speak of: phrases of a sentence, learned from some products and tested on others."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import nn

from bench.texts.compare import of_answer, of_joint
from bench.texts.contestants import Plain, classify, fine_tune, joint, tfidf
from bench.texts.encoder import MeanEncoder, by_length
from bench.texts.kept import Result
from bench.texts.phrases import Dictionary, Sentence, Span, outcome
from bench.texts.plan import Plan
from bench.texts.race import race
from plait.encode.text.settings import Text
from plait.encode.text.tokens import TextTokens
from plait.measure import Outcome
from plait.tasks.paths import best_path, phrases

__all__ = ["aspects"]

HELD_OUT: Final = 4
"""How many of the 14 products are tested on."""
SHARE: Final = 0.3
"""The dictionary keeps phrases that are marked in such a share of their places."""
TOKENS: Final = 96
LEAN: Final = 1.0
"""By how many log odds both encoders favour phrases."""
WEIGHT: Final = 12.0
"""Of the phrases: most tokens are in none, so that their mean loss is small beside that of praise and would be drowned."""
_COMMON: Final = {"table": "rows", "inputs": ["rows.text"]}
RECIPE: Final[dict[str, Any]] = {
    "name": "aspects",
    "tables": {"rows": {"source": "rows.parquet"}},
    "features": {"rows.text": "text", "rows.marks": "ignore", "rows.positive": "ignore", "rows.part": "ignore"},
    "tasks": {
        "phrases": {**_COMMON, "kind": "tagging", "text": "text", "label": "marks", "lean": LEAN, "weight": WEIGHT},
        "positive": {**_COMMON, "kind": "binary", "label": "positive"},
    },
    "split": {"by": "column", "column": "part", "valid": 0.0},
    "model": {
        "vector_width": 384,
        "sharing": {"kind": "shared_bottom", "layers": [128]},
        "tower": [],
        "text": {"tune": "full", "layers": 4, "max_tokens": TOKENS, "learning_rate": 1e-4},
    },
    "balance": "fixed",
    "train": {"epochs": 3, "batch": 32, "learning_rate": 1e-3, "warmup": 0.1, "clip": 1.0, "probes": 0, "threads": 1},
}
TASKS: Final[dict[str, Any]] = {
    "phrases": ("tagging", "f1", 0.65),
    "parts": ("tagging", "f1_partial", 0.65),
    "all phrases": ("tagging", "f1", None),
    "all parts": ("tagging", "f1_partial", None),
    "positive": ("binary", "auc", None),
}


class Rows:
    """Sentences of some products to learn from, and of others to test on.

    Args:
        path: the sentences.
        validate: whether products to learn from are tested on.
        most: how many sentences to learn from; all where not said.
    """

    def __init__(self, path: Path, validate: bool, most: int | None) -> None:
        found = pq.read_table(path).to_pylist()
        names = sorted({row["product"] for row in found})
        order = [names[place] for place in np.random.default_rng(17).permutation(len(names))]
        tested = {*(order[HELD_OUT : HELD_OUT + 3] if validate else order[:HELD_OUT])}
        left = {*order[:HELD_OUT]} if validate else set()
        self.products = len(names) - len(tested) - len(left), len(tested)
        train = [row for row in found if row["product"] not in tested | left][:most]
        test = [row for row in found if row["product"] in tested]
        self.train = [Sentence.of(row["sentence"], row["aspects"]) for row in train]
        self.test = [Sentence.of(row["sentence"], row["aspects"]) for row in test]
        self.positive = [_positive(row["scores"]) for row in (*train, *test)]

    @property
    def learned(self) -> list[int | None]:
        """Whether sentences to learn from are kind to what they speak of."""
        return self.positive[: len(self.train)]

    @property
    def asked(self) -> list[int | None]:
        """The same of those to test on."""
        return self.positive[len(self.train) :]

    def result(self, found: Sequence[Sequence[Span]], positive: Outcome | None, cost: float) -> Result:
        """Return what a contestant reached."""
        written, every = outcome(self.test, found, False), outcome(self.test, found, True)
        tagged = {"phrases": written, "parts": written, "all phrases": every, "all parts": every}
        return Result(tagged | ({} if positive is None else {"positive": positive}), cost)


def aspects(plan: Plan) -> dict[str, Any]:
    """Learn from ten products and test on four; to choose settings, learn from seven of the ten and test on the others."""
    rows = Rows(plan.data / "product_aspects" / "sentences.parquet", plan.validate, plan.rows)
    plain = Plain(tokens=TOKENS, batch=32, epochs=3, rate=1e-4)
    key = [plan.validate, len(rows.train), len(rows.test)]
    makes: dict[str, tuple[object, Callable[[], Result]]] = {
        "tf-idf": (key, lambda: _words(rows)),
        "dictionary": ([key, SHARE], lambda: _known(rows)),
        "plain": ([key, asdict(plain), LEAN], lambda: _plain(rows, plain)),
        "plait": ([key, RECIPE, plan.changes], lambda: _plait(rows, plan.changes)),
    }
    learned, tested = rows.products
    lost, marked = sum(one.lost for one in rows.test), sum(len(one.marked) for one in rows.test)
    facts = {
        "train": len(rows.train),
        "test": len(rows.test),
        "rows": f"Trained on {len(rows.train):,} sentences about {learned} products, tested on {len(rows.test):,} about "
        f"{tested} others,\nwith {marked:,} places of phrases; {lost:,} labelled phrases stand nowhere",
    }
    return race("aspects", makes, TASKS, plan, facts)


def _positive(scores: Sequence[int]) -> int | None:
    """Say whether more is praised than blamed; nothing where neither is more."""
    total = sum(scores)
    return None if total == 0 else int(total > 0)


def _words(rows: Rows) -> Result:
    there = [place for place, label in enumerate(rows.learned) if label is not None]
    texts = [one.text for one in rows.train]
    answer = tfidf([texts[i] for i in there], [rows.learned[i] for i in there], [one.text for one in rows.test])
    return Result({"positive": of_answer(answer, rows.asked, [0, 1])}, answer.cost)


def _known(rows: Rows) -> Result:
    start = time.process_time()
    dictionary = Dictionary(rows.train, SHARE)
    cost = time.process_time() - start
    return rows.result([dictionary.mark(one) for one in rows.test], None, cost)


class _Tagger(nn.Module):
    """An encoder's states of the first tokens of words, and a linear head: outside, first, further."""

    def __init__(self, plain: Plain) -> None:
        super().__init__()
        self.body = MeanEncoder(plain.model, plain.tokens)
        self.head = nn.Linear(self.body.width, 3)

    def forward(self, read: Sequence[list[int]], starts: Sequence[list[int]]) -> torch.Tensor:
        states, _ = self.body.states(read)
        return torch.cat([self.head(own[places]) for own, places in zip(states, starts, strict=True)]).float()


def _plain(rows: Rows, plain: Plain) -> Result:
    """Tune the encoder for the phrases, and once more for praise."""
    start = time.process_time()
    torch.manual_seed(plain.seed)
    model = _Tagger(plain)
    read, starts = _first_tokens(model.body, rows.train)
    tags = [_tags(one, len(own)) for one, own in zip(rows.train, starts, strict=True)]

    def loss(some: torch.Tensor) -> torch.Tensor:
        chosen = some.tolist()
        output = model([read[i] for i in chosen], [starts[i] for i in chosen])
        return nn.functional.cross_entropy(output, torch.tensor([tag for i in chosen for tag in tags[i]]))

    fine_tune(model, len(read), loss, plain)
    cost = time.process_time() - start
    there = [place for place, label in enumerate(rows.learned) if label is not None]
    texts, labels = [rows.train[i].text for i in there], [rows.learned[i] for i in there]
    answer = classify(texts, labels, [one.text for one in rows.test], plain)
    return rows.result(_marked(model, rows.test, plain.bf16), of_answer(answer, rows.asked, [0, 1]), cost + answer.cost)


def _first_tokens(body: MeanEncoder, sentences: Sequence[Sentence]) -> tuple[list[list[int]], list[list[int]]]:
    """Read sentences word by word; also where each word's first token is."""
    words = [[one.text[start:end] for start, end in one.words] or ["."] for one in sentences]
    made = body.tokenizer(words, is_split_into_words=True, truncation=True, max_length=body.tokens)
    starts = []
    for row in range(len(sentences)):
        owners = made.word_ids(row)
        starts.append([at for at, word in enumerate(owners) if word is not None and owners[at - 1] != word])
    return made["input_ids"], starts


def _tags(sentence: Sentence, words: int) -> list[int]:
    tags = [0] * words
    for first, last in sentence.marked:
        for word in range(first, min(last + 1, words)):
            tags[word] = 1 if word == first else 2
    return tags


def _marked(model: _Tagger, sentences: Sequence[Sentence], bf16: bool) -> list[list[Span]]:
    """Mark phrases along the likeliest tags."""
    read, starts = _first_tokens(model.body, sentences)
    found: list[list[Span]] = [[] for _ in sentences]
    model.eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        for rows in by_length(read):
            own = [starts[row] for row in rows]
            scores = model([read[row] for row in rows], own).log_softmax(1)
            whose = torch.tensor([n for n, places in enumerate(own) for _ in places])
            inside = torch.tensor([word for places in own for word in range(len(places))])
            tags = best_path(scores - torch.tensor([LEAN, 0.0, 0.0]), whose)
            said = phrases(scores, tags, whose, inside, len(rows))
            for row, spans in zip(rows.tolist(), said.reshape(len(rows), -1, 3).tolist(), strict=True):
                found[row] = [(int(first), int(last)) for first, last, _ in spans if first >= 0]
    return found


def _plait(rows: Rows, changes: Sequence[str]) -> Result:
    every = [*rows.train, *rows.test]
    marks = pa.array([one.places() for one in every], pa.list_(pa.struct({"start": pa.int64(), "end": pa.int64()})))
    part = ["train"] * len(rows.train) + ["test"] * len(rows.test)
    table = pa.table({"text": [one.text for one in every], "marks": marks, "positive": rows.positive, "part": part})
    with tempfile.TemporaryDirectory(prefix="plait-texts-") as folder:
        pq.write_table(table, Path(folder) / "rows.parquet")
        made = joint(RECIPE, Path(folder), changes)
    said = made.outcomes["phrases"]
    _, lengths, offsets = TextTokens(Text.Settings(max_tokens=TOKENS)).read([one.text for one in rows.test], True)
    assert offsets is not None
    begins = np.cumsum(lengths) - lengths

    def spans(row: int, slots: np.ndarray) -> list[Span]:
        at = [(int(begins[row] + first), int(begins[row] + last)) for first, last in slots if first >= 0]
        places = [rows.test[row].at(int(offsets[first, 0]), int(offsets[last, 1])) for first, last in at]
        return [place for place in places if place is not None]

    count = len(rows.test)
    found = [spans(row, said.prediction[row].reshape(-1, 3)[:, :2]) for row in range(count)]
    known = [spans(row, np.nan_to_num(said.label[row], nan=-1).reshape(-1, 2)) for row in range(count)]
    if len(said) != count or known != [one.marked for one in rows.test]:
        raise ValueError(f"`phrases` should be tested on the {count} sentences of the others, and their phrases.")
    return rows.result(found, of_joint(made, "positive", rows.asked, [0, 1]), made.cost)
