"""Settings that name tasks: from names to numbers, one per task in the order of the losses."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from plait.errors import DataError, RecipeError, nearest

__all__ = ["by_task", "known", "not_negative", "numbers_of", "shares"]


def by_task(key: str, values: Mapping[str, float], names: Sequence[str]) -> list[float]:
    """Return one weight per task, 1 for a task not named.

    Args:
        key: the setting, such as `weights`, for the text of errors.
        values: task -> weight.
        names: the tasks.

    Raises:
        RecipeError: a name is no task's, a weight is below 0 or not finite, or all are 0.
    """
    known(key, values, names)
    for name, value in values.items():
        if not 0 <= value < float("inf"):
            raise RecipeError(f"`balance.{key}.{name}` should be 0 or more. Found {value}.")
    found = [values.get(name, 1.0) for name in names]
    if not any(found):
        raise RecipeError(f"`balance.{key}` should leave at least one task a weight above 0. Found 0 for all.")
    return found


def numbers_of(key: str, wanted: Sequence[str], names: Sequence[str]) -> list[int]:
    """Return the numbers of the tasks that a setting lists, in its order.

    Raises:
        RecipeError: a name is no task's, or stands twice.
    """
    known(key, wanted, names)
    twice = [name for place, name in enumerate(wanted) if name in wanted[:place]]
    if twice:
        raise RecipeError(f"`balance.{key}` should name each task once. Found `{twice[0]}` twice.")
    return [list(names).index(name) for name in wanted]


def known(key: str, wanted: Mapping[str, float] | Sequence[str], names: Sequence[str]) -> None:
    """Refuse names that are no task's."""
    for name in wanted:
        if name not in names:
            raise RecipeError(f"`balance.{key}` should name tasks. Found `{name}`.{nearest(name, list(names))}")


def shares(weights: Float[Tensor, "T"], present: Bool[Tensor, "T"]) -> Float[Tensor, "T"]:
    """Return what each task's loss is multiplied by: weights of mean 1, divided by how many tasks are present.

    Equal weights give `Average`. Where all weights are 0 they count as equal.
    """
    total = weights.sum()
    even = torch.where(total > 0, weights * len(weights) / total.clamp(min=1e-30), 1.0)
    return even * present / present.sum().clamp(min=1)


def not_negative(kind: str, losses: Float[Tensor, "T"], names: Sequence[str]) -> None:
    """Refuse negative losses, for a method that takes their logarithms.

    Raises:
        DataError: a loss is negative.
    """
    for name, loss in zip(names, losses.tolist(), strict=True):
        if loss < 0:
            raise DataError(
                f"`balance: {kind}` should see losses of 0 or more, because it works with their logarithms. Found "
                f"{loss:.4g} for task `{name}`. Choose another method, such as `uncertainty`, or another loss for the task."
            )
