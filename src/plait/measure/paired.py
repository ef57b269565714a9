"""The joint model against the task alone on the same examples: both under the same resamples."""

from collections.abc import Sequence
from statistics import mean, stdev

import numpy as np
from jaxtyping import Float

from plait.measure.interval import resample, units_of
from plait.measure.kinds import build, larger_is_better
from plait.measure.outcome import Gain, Outcome, UndefinedError, Verdict
from plait.measure.spread import student
from plait.schema import TaskKind

__all__ = ["combine", "gain"]


def gain(kind: TaskKind, metric: str, joint: Outcome, alone: Outcome, seed: int) -> Gain:
    """Return how much better joint is, relative to alone, from a paired bootstrap over the examples.

    With m the figure, the gain is ±(m_joint - m_alone) / |m_alone|, plus where more of m is better. Because both sides see
    the same draws, what makes an example hard for both cancels.

    Args:
        kind: the kind of task.
        metric: the figure that decides.
        joint: the shared model's outcome.
        alone: the outcome of the model trained for this task only, on the same examples in the same order.
        seed: of the resamples.

    Raises:
        ValueError: the two are not about the same examples, or the figure cannot decide.
    """
    if len(joint) != len(alone) or not np.array_equal(joint.label, alone.label, equal_nan=True):
        raise ValueError(
            f"`joint` and `alone` should be about the same examples in the same order, to be compared in pairs. Found "
            f"{len(joint)} and {len(alone)} examples{'' if len(joint) != len(alone) else ' with other labels'}."
        )
    sign = 1.0 if larger_is_better(metric) else -1.0
    try:
        shared, single = build(kind, metric, joint), build(kind, metric, alone)
    except UndefinedError as error:
        return _undefined(str(error))
    units = units_of(joint)
    ones = np.ones((1, units))
    value = float(_relative(shared(ones), single(ones), sign)[0])
    if not np.isfinite(value):
        return _undefined(f"the task alone has a {metric} of 0, so there is nothing to be relative to")
    blocks = resample(units, len(joint), seed)
    resampled = np.concatenate([_relative(shared(drawn), single(drawn), sign) for drawn in blocks])
    known = resampled[np.isfinite(resampled)]
    if len(known) < 0.9 * len(resampled):
        return Gain(value, float("nan"), float("nan"), "same", "too few examples for an interval")
    low, high = (float(edge) for edge in np.quantile(known, (0.025, 0.975)))
    return Gain(value, low, high, _verdict(low, high))


def combine(gains: Sequence[Gain]) -> Gain:
    """Bring the gains of several seeds together: their mean, with an interval for both the examples and the seeds.

    All seeds are tested on the same examples, so the examples' part of the interval does not shrink with more seeds; the
    seeds' part is Student's interval of their mean.

    Args:
        gains: one per seed; undefined ones are left out.
    """
    known = [one for one in gains if np.isfinite([one.value, one.low, one.high]).all()]
    if not known:
        return _undefined(gains[0].reason if gains else "no seeds")
    if len(known) == 1:
        return known[0]
    value = mean(one.value for one in known)
    seeds = student(len(known) - 1) * stdev(one.value for one in known) / len(known) ** 0.5
    below = mean((one.value - one.low) ** 2 for one in known)
    above = mean((one.high - one.value) ** 2 for one in known)
    low, high = value - (below + seeds**2) ** 0.5, value + (above + seeds**2) ** 0.5
    return Gain(value, low, high, _verdict(low, high))


def _relative(joint: Float[np.ndarray, "R"], alone: Float[np.ndarray, "R"], sign: float) -> Float[np.ndarray, "R"]:
    result = np.full(len(alone), np.nan)
    np.divide(sign * (joint - alone), np.abs(alone), out=result, where=alone != 0)
    return result


def _verdict(low: float, high: float) -> Verdict:
    return "better" if low > 0 else "worse" if high < 0 else "same"


def _undefined(reason: str) -> Gain:
    return Gain(float("nan"), float("nan"), float("nan"), "same", reason)
