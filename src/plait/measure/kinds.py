"""Which figures each kind of task has, which one decides, and which way is better."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from plait.measure import binary, classes, masked, multilabel, ordinal, ranking, relatedness, retrieval, tagging, values
from plait.measure.outcome import Outcome
from plait.measure.sample import Statistic
from plait.schema import TaskKind

__all__ = ["build", "decisive", "figures", "larger_is_better", "metrics"]

_METRICS: Final[Mapping[TaskKind, tuple[str, ...]]] = {
    "binary": binary.METRICS,
    "relatedness": relatedness.METRICS,
    "multiclass": classes.METRICS,
    "multilabel": multilabel.METRICS,
    "ordinal": ordinal.METRICS,
    "regression": values.METRICS,
    "amount": values.AMOUNT_METRICS,
    "ranking": ranking.METRICS,
    "retrieval": retrieval.METRICS,
    "tagging": tagging.METRICS,
    "masked": masked.METRICS,
}

_BUILD: Final[Mapping[TaskKind, Callable[[str, Outcome], Statistic]]] = {
    "binary": binary.build,
    "relatedness": relatedness.build,
    "multiclass": classes.build,
    "multilabel": multilabel.build,
    "ordinal": ordinal.build,
    "regression": values.build,
    "amount": values.build,
    "ranking": ranking.build,
    "retrieval": retrieval.build,
    "tagging": tagging.build,
    "masked": masked.build,
}


def metrics(kind: TaskKind, levels: Sequence[float] = ()) -> tuple[str, ...]:
    """Name the figures of a kind of task, in the order in which a report shows them.

    Args:
        kind: the kind of task.
        levels: regression: the quantiles that are predicted. Errors are of the median, so they are figures where it is among
            them: a quantile of 0.9 lies far from most labels, as it should.
    """
    if levels:
        return values.QUANTILE_METRICS if 0.5 in levels else ("pinball", "quantile_error", "spearman")
    return _METRICS[kind]


def figures(kind: TaskKind, outcome: Outcome) -> tuple[str, ...]:
    """Name the figures of a kind of task that make sense for these examples: none per user where there are no users."""
    if kind == "relatedness":
        return relatedness.figures(outcome)
    return tuple(name for name in metrics(kind, outcome.levels) if name != "auc_per_user" or len(outcome.unit))


def decisive(kind: TaskKind) -> str:
    """Name the figure that decides about a kind of task where its recipe does not say.

    They need no threshold and no calibration where a choice is (AUC, PR-AUC, places), and are in the label's own unit where
    a value is (RMSE, distance in levels). For amounts it is the normalised Gini: a handful of very large amounts decides any
    RMSE.
    """
    return metrics(kind)[0]


def larger_is_better(metric: str) -> bool:
    """Say whether more of a figure is better; `predicted_over_observed` is best at 1 and cannot decide.

    Raises:
        ValueError: a figure that has no better direction.
    """
    if metric == "predicted_over_observed":
        raise ValueError(
            "`metric` should be a figure of which more or less is better, to compare by. Found `predicted_over_observed`, "
            "which is best at 1. Use `ece` or `log_loss`."
        )
    return metric not in {"log_loss", "ece", "rmse", "mae", "pinball", "quantile_error", "perplexity"}


def build(kind: TaskKind, metric: str, outcome: Outcome) -> Statistic:
    """Make a figure as a function of resample weights.

    Raises:
        UndefinedError: the examples do not have this figure.
        ValueError: the kind of task does not have this figure.
    """
    known = metrics(kind, outcome.levels)
    if metric not in known:
        raise ValueError(f"`metric` should be one of {', '.join(known)} for a {kind} task. Found `{metric}`.")
    return _BUILD[kind](metric, outcome)
