"""Settings that name tasks: from names to numbers, one per task in the order of the losses."""

from collections.abc import Mapping, Sequence

from plait.errors import RecipeError, nearest

__all__ = ["by_task", "known", "numbers_of"]


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
