"""Figures of guessed tokens: how surprised the model is by the right ones, and how often it guesses them."""

import numpy as np
from jaxtyping import Float

from plait.measure.binary import quotient
from plait.measure.outcome import Outcome
from plait.measure.sample import Sample, Statistic

__all__ = ["METRICS", "build"]

METRICS = ("perplexity", "accuracy")

_MOST = 50.0
_NOTHING = "no token was to be guessed"


def build(metric: str, outcome: Outcome) -> Statistic:
    """Make one figure as a function of resample weights.

    Every guessed token counts the same:

        perplexity = exp(sum of -log p(right token) / number of tokens),    accuracy = right guesses / number of tokens

    Args:
        metric: which figure.
        outcome: `prediction` holds per text the sum of -log p, the right guesses and the number of tokens guessed.

    Raises:
        UndefinedError: no token was to be guessed.
    """
    sample = Sample.of(outcome)
    surprise, right, count = outcome.prediction.astype(np.float64).T
    match metric:
        case "perplexity":
            mean = quotient(sample, surprise, count, _NOTHING)

            def under(drawn: Float[np.ndarray, "R U"]) -> Float[np.ndarray, "R"]:
                found: Float[np.ndarray, "R"] = np.exp(np.minimum(mean(drawn), _MOST))
                return found

            return under
        case "accuracy":
            return quotient(sample, right, count, _NOTHING)
        case _:
            raise ValueError(f"`metric` should be one of {', '.join(METRICS)}. Found `{metric}`.")
