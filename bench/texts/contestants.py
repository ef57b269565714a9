"""The contestants on texts: word counts with logistic regression, a plain loop of Hugging Face, and Plait.

Each answers with what it predicts for the test texts and with the seconds of processor that training took, reading the
texts included and predicting the test part not.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union
from torch import Tensor, nn

from bench.texts.encoder import MeanEncoder, by_length
from plait.data.prepare import prepare
from plait.encode.pretrained.precision import has_bfloat16
from plait.measure import Outcome
from plait.recipe import load_recipe
from plait.run.build import build_balance, build_media, build_model, build_texts, resampled
from plait.run.phase import goal_of, on_test
from plait.tasks.base import Head
from plait.train.fitted import Fitted
from plait.train.loop import fit

__all__ = ["Answer", "Joint", "Plain", "classify", "fine_tune", "joint", "tfidf"]

Say = Callable[[str], None]


@dataclass(frozen=True)
class Answer:
    """What a contestant says about the test texts: one probability a class, classes in the order of their names."""

    prediction: Float[np.ndarray, "N C"]
    cost: float
    """Seconds of processor."""


@dataclass(frozen=True)
class Plain:
    """How the plain loop trains."""

    model: str = "all-MiniLM-L6-v2"
    tokens: int = 128
    epochs: int = 2
    batch: int = 32
    rate: float = 5e-5
    warmup: float = 0.1
    seed: int = 17
    bf16: bool = field(default_factory=lambda: has_bfloat16(torch.device("cpu")))


@dataclass(frozen=True)
class Joint:
    """What Plait's one model says about the test part, and how its training went."""

    outcomes: dict[str, Outcome]
    columns: dict[str, list[str]]
    """Per task with classes their names, in the order of its predictions."""
    cost: float
    """Seconds of processor: preparation, training, and what it took to validate."""
    fitted: Fitted


def tfidf(
    texts: Sequence[str], labels: Sequence[object], test: Sequence[str], analyser: Literal["word", "char"] = "word"
) -> Answer:
    """Count words and pairs of words (or up to four characters), weigh them by rarity, and fit a logistic regression."""
    start = time.process_time()
    ranges = [(1, 2)] if analyser == "word" else [(1, 4)]
    counts = [TfidfVectorizer(analyzer=analyser, ngram_range=r, min_df=2, sublinear_tf=True) for r in ranges]
    model = make_pipeline(make_union(*counts), LogisticRegression(C=5.0, max_iter=300))
    model.fit(list(texts), np.array(labels))
    cost = time.process_time() - start
    return Answer(np.asarray(model.predict_proba(list(test)), np.float64), cost)


class _Classifier(nn.Module):
    """The mean of an encoder's token states, and a linear head."""

    def __init__(self, plain: Plain, classes: int) -> None:
        super().__init__()
        self.body = MeanEncoder(plain.model, plain.tokens)
        self.head = nn.Linear(self.body.width, classes)

    def forward(self, read: Sequence[list[int]]) -> Tensor:
        logits: Tensor = self.head(self.body(read))
        return logits


def classify(texts: Sequence[str], labels: Sequence[object], test: Sequence[str], plain: Plain, say: Say = print) -> Answer:
    """Tune the whole encoder for one task with classes, by the plain loop."""
    start = time.process_time()
    torch.manual_seed(plain.seed)
    names = sorted(set(labels), key=str)
    number = {name: place for place, name in enumerate(names)}
    target = torch.tensor([number[label] for label in labels])
    model = _Classifier(plain, len(names))
    read = model.body.read(texts)

    def loss(rows: Tensor) -> Tensor:
        return nn.functional.cross_entropy(model([read[row] for row in rows.tolist()]).float(), target[rows])

    fine_tune(model, len(read), loss, plain, say)
    cost = time.process_time() - start
    asked = model.body.read(test)
    found = np.zeros((len(asked), len(names)))
    model.eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=plain.bf16):
        for rows in by_length(asked):
            found[rows] = model([asked[row] for row in rows]).float().softmax(1).double().numpy()
    return Answer(found, cost)


def fine_tune(model: nn.Module, rows: int, loss: Callable[[Tensor], Tensor], plain: Plain, say: Say = print) -> None:
    """Train all of a model as a plain loop of Hugging Face does: AdamW, warm-up and linear decay, clipped gradients.

    Args:
        model: everything in it is trained.
        rows: how many there are to train on.
        loss: the mean loss of some of them.
        plain: how.
        say: hears how it goes.
    """
    from transformers.optimization import get_linear_schedule_with_warmup  # all that it imports takes three seconds

    optimiser = torch.optim.AdamW(model.parameters(), lr=plain.rate, weight_decay=0.01)
    total = plain.epochs * -(-rows // plain.batch)
    schedule = get_linear_schedule_with_warmup(optimiser, round(plain.warmup * total), total)  # type: ignore[no-untyped-call]
    model.train()
    begun, seen = time.process_time(), 0

    def batches() -> Iterator[Tensor]:
        for _ in range(plain.epochs):
            yield from torch.randperm(rows).split(plain.batch)  # type: ignore[no-untyped-call]

    for step, some in enumerate(batches(), 1):
        with torch.autocast("cpu", torch.bfloat16, enabled=plain.bf16):
            found = loss(some)
        found.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
        seen += len(some)
        if step % 50 == 0 or step == total:
            rate = seen / (time.process_time() - begun)
            say(f"    step {step} of {total}: loss {found.item():.3f}, {rate:.1f} texts a second of processor")


def joint(recipe: dict[str, Any], base: Path, changes: Sequence[str] = ()) -> Joint:
    """Train one model for all tasks of a recipe and predict its test part.

    Args:
        recipe: the recipe.
        base: the folder of its tables.
        changes: as with `plait train --set`.
    """
    start = time.process_time()
    read = load_recipe(recipe, changes)
    with tempfile.TemporaryDirectory(prefix="plait-texts-") as folder:
        prepared = prepare(read.schema_, base, Path(folder), build_texts(read), media=build_media(read))
        prepared = resampled(read, prepared)
        model = build_model(read, prepared.layout)
        balance = build_balance(read, prepared.layout)
        fitted = fit(model, prepared, balance, read.train, goal=goal_of(read, prepared), seed=read.seed)
        model.settle()
        cost = time.process_time() - start
        outcomes, _ = on_test(model, prepared)
        heads = {name: model.head(name) for name in prepared.layout.tasks}
        columns = {name: head.columns for name, head in heads.items() if isinstance(head, Head)}
    return Joint(outcomes, columns, cost, fitted)
