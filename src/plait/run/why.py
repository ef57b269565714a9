"""The transfer between the tasks of a trained model, on rows drawn from its prepared tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Literal

import torch

from plait.data.columns import Prepared
from plait.explain import Rows, transfer
from plait.measure import mean_interval
from plait.model import MultiTaskModel
from plait.recipe import Recipe
from plait.report.figures import Change, Transfer
from plait.train.fitted import Fitted
from plait.train.precision import fast_products
from plait.train.supply import Draw, Supply

__all__ = ["measure_transfer", "transfer_of"]

_MOST_ROWS: Final = 2048
_CPU: Final = torch.device("cpu")


def measure_transfer(
    recipe: Recipe, prepared: Prepared, model: MultiTaskModel, batches: int, rate: float | None = None
) -> Transfer:
    """Measure what one step for each task does to the losses of all, over batches that do not overlap.

    The steps are taken on batches of the training part, the losses looked at on batches of the validation part, or on
    other batches of the training part where there is no validation part.

    Args:
        recipe: how the model was trained; its batch size, up to 2,048 rows, and its learning rate are used.
        prepared: its tables.
        model: on the CPU.
        batches: how many pairs of batches.
        rate: learning rate of the step; the recipe's where not said.
    """
    rate = recipe.train.learning_rate if rate is None else rate
    steps = _supply(recipe, prepared, "train", batches)
    held = "valid" if _rows(prepared, "valid") else "train"
    looks = _supply(recipe, prepared, "valid", batches) if held == "valid" else None
    with torch.random.fork_rng(devices=[]), fast_products(_CPU):
        torch.manual_seed(recipe.seed)
        found = transfer(model, _draws(steps, looks, batches), rate)
    lowered = _changes(found.tolist(), len(model.names))
    return Transfer(tasks=model.names, lowered=lowered, rate=rate, batches=batches, when="end", held=held)


def transfer_of(fitted: Fitted, rate: float, held: Literal["valid", "train"]) -> Transfer:
    """Sum up what was measured while a model was trained: the mean over the whole training, with its spread over draws."""
    probes = [found.lowered for found in fitted.cosines if found.lowered]
    if not probes:
        return Transfer()
    lowered = _changes(probes, len(fitted.tasks))
    return Transfer(tasks=fitted.tasks, lowered=lowered, rate=rate, batches=len(probes), when="training", held=held)


def _changes(draws: Sequence[Sequence[Sequence[float]]], tasks: int) -> list[list[Change]]:
    return [[_change([draw[source][target] for draw in draws]) for target in range(tasks)] for source in range(tasks)]


def _rows(prepared: Prepared, part: str) -> int:
    """Return the labelled rows of the task of a part that has most."""
    return max(len(prepared.rows(name, part)) for name in prepared.layout.tasks)


def _supply(recipe: Recipe, prepared: Prepared, part: str, batches: int) -> Supply:
    """Supply at least `2 * batches` draws in which every table has its share of rows."""
    size = _size(recipe, prepared, part, batches)
    settings = recipe.train.model_copy(update={"mix": "joint", "accumulate": 1, "batch": size, "workers": 0})
    return Supply(prepared, settings, 1, recipe.seed, _CPU, part)


def _size(recipe: Recipe, prepared: Prepared, part: str, batches: int) -> int:
    """Return how many rows of the largest table a batch has, so that `2 * batches` of them do not overlap."""
    return min(recipe.train.batch, _MOST_ROWS, max(1, _rows(prepared, part) // (2 * batches)))


def _draws(steps: Supply, looks: Supply | None, batches: int) -> Iterator[tuple[Rows, Rows]]:
    """Pair batches of the step with batches to look at; from the training part alone, every other one."""
    for number in range(batches):
        held = steps.sample(0, batches + number, _MOST_ROWS) if looks is None else looks.sample(0, number, _MOST_ROWS)
        yield _both(steps.sample(0, number, _MOST_ROWS)), _both(held)


def _both(draw: Draw) -> Rows:
    return draw.batches, draw.negatives


def _change(values: list[float]) -> Change:
    found = mean_interval(values)
    return Change(value=found.value, low=found.low, high=found.high)
