"""95 % intervals by the bootstrap: every unit is drawn a Poisson number of times, all figures under the same draws."""

from collections.abc import Iterator
from math import exp, factorial

import numpy as np
from jaxtyping import Float

from plait.measure import retrieval
from plait.measure.kinds import build, figures
from plait.measure.outcome import Interval, Outcome, UndefinedError
from plait.measure.sample import Statistic
from plait.schema import TaskKind

__all__ = ["draws", "evaluate", "quick", "resample"]

_LEAST_DRAWS, _MOST_DRAWS = 300, 1000
_WEIGHTS = 30_000_000
_BLOCK = 200_000


def draws(examples: int) -> int:
    """Return how many resamples are made: 1,000, and fewer, down to 300, where there are many examples."""
    return max(_LEAST_DRAWS, min(_MOST_DRAWS, _WEIGHTS // max(examples, 1)))


def resample(units: int, examples: int, seed: int) -> Iterator[Float[np.ndarray, "r U"]]:
    """Yield blocks of resamples: how often each unit is drawn, Poisson with mean 1.

    The numbers of draws come from a table of the Poisson quantiles of 16 random bits, many times faster than drawing them.

    Args:
        units: how many users, lists, or examples that stand alone.
        examples: how many examples; blocks are small enough that their weights stay in the processor's cache.
        seed: of the draws.

    References:
        Chamandy et al., "Estimating uncertainty for massive data streams", Google 2012.
    """
    chances = np.cumsum([exp(-1) / factorial(k) for k in range(10)])
    table = np.searchsorted(chances, (np.arange(65536) + 0.5) / 65536).astype(np.float32)
    generator = np.random.default_rng(seed)
    block, left = max(1, _BLOCK // max(examples, 1)), draws(examples)
    while left > 0:
        rows = min(block, left)
        yield np.take(table, generator.integers(0, 65536, size=(rows, units), dtype=np.uint16))
        left -= rows


def units_of(outcome: Outcome) -> int:
    """Return how many units are drawn: users, lists, or examples that stand alone."""
    return len(np.unique(outcome.unit)) if len(outcome.unit) else len(outcome)


def quick(kind: TaskKind, outcome: Outcome, metric: str) -> float:
    """Return one figure without an interval; NaN where it is undefined.

    Raises:
        ValueError: the kind of task does not have this figure.
    """
    try:
        if metric == "coverage" and metric in figures(kind, outcome):
            return retrieval.coverage(outcome)
        statistic = build(kind, metric, outcome)
        return float(statistic(np.ones((1, units_of(outcome))))[0])
    except UndefinedError:
        return float("nan")


def evaluate(kind: TaskKind, outcome: Outcome, seed: int) -> dict[str, Interval]:
    """Return every figure that a kind of task has on these examples with its interval, all under the same resamples.

    Args:
        kind: the kind of task.
        outcome: what the model said and what was so.
        seed: of the resamples.
    """
    statistics: dict[str, Statistic] = {}
    result: dict[str, Interval] = {}
    for metric in figures(kind, outcome):
        result[metric] = Interval.undefined("")
        try:
            if metric == "coverage":
                result[metric] = Interval(retrieval.coverage(outcome), float("nan"), float("nan"), "a count has no interval")
            else:
                statistics[metric] = build(kind, metric, outcome)
        except UndefinedError as error:
            result[metric] = Interval.undefined(str(error))
    if statistics:
        spread: dict[str, list[Float[np.ndarray, "r"]]] = {metric: [] for metric in statistics}
        units = units_of(outcome)
        for drawn in resample(units, len(outcome), seed):
            for metric, statistic in statistics.items():
                spread[metric].append(statistic(drawn))
        for metric, statistic in statistics.items():
            value = float(statistic(np.ones((1, units)))[0])
            result[metric] = between(value, np.concatenate(spread[metric]))
    return result


def between(value: float, resampled: Float[np.ndarray, "R"]) -> Interval:
    """Return the middle 95 % of the resamples."""
    known = resampled[np.isfinite(resampled)]
    if not np.isfinite(value):
        return Interval.undefined("nothing to divide by")
    if len(known) < 0.9 * len(resampled) or len(resampled) == 0:
        return Interval(value, float("nan"), float("nan"), "too few examples for an interval")
    low, high = np.quantile(known, (0.025, 0.975))
    return Interval(value, float(low), float(high))
