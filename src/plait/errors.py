"""Every error Plait raises on purpose.

    PlaitError                     exit code 1
    ├── RecipeError (ValueError)   the recipe, a flag or an argument asks for something that cannot be: exit code 2
    ├── DataError (ValueError)     a table does not hold what the recipe says
    │   └── CorruptError           a file is truncated, altered or not what its name says
    ├── RunError                   a run folder is damaged, unfinished or of another recipe
    ├── StoreError                 the event store is locked, full or gone; nothing was acknowledged
    ├── ServiceError               a service refused a question or could not be reached
    ├── DivergedError              the loss stopped being finite for too many steps in a row: exit code 3
    ├── Stopped                    a signal asked training to stop; a checkpoint was written
    └── MissingExtraError (ImportError)   an optional dependency is needed: the message holds the install line

Each message says what was read, what it should be, why, what was found and what to do. Each class also inherits the
built-in a caller would expect, so ``except ValueError`` keeps working.
"""

from __future__ import annotations

__all__ = [
    "CorruptError",
    "DataError",
    "DivergedError",
    "MissingExtraError",
    "PlaitError",
    "RecipeError",
    "RunError",
    "ServiceError",
    "Stopped",
    "StoreError",
    "nearest",
]


class PlaitError(Exception):
    """The root of everything Plait raises on purpose; its text is meant for the person at the keyboard."""

    exit_code: int = 1


class RecipeError(PlaitError, ValueError):
    """The recipe, a flag or an argument asks for something that cannot be."""

    exit_code = 2


class DataError(PlaitError, ValueError):
    """A table does not hold what the recipe says it holds."""


class CorruptError(DataError):
    """A file is truncated, altered since it was written, or not what its name says."""


class RunError(PlaitError):
    """A run folder is damaged, unfinished, or belongs to another recipe."""


class StoreError(PlaitError):
    """The event store is locked, full or gone; what was to be kept was not acknowledged."""


class ServiceError(PlaitError):
    """A service refused a question, or could not be reached.

    Attributes:
        status: the HTTP status; None where nothing came back.
    """

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


class DivergedError(PlaitError):
    """The loss or a gradient stopped being finite for too many steps in a row."""

    exit_code = 3


class Stopped(PlaitError):
    """A signal asked training to stop: the step was finished and a checkpoint written."""


class MissingExtraError(PlaitError, ImportError):
    """An optional dependency is needed and not installed; the message holds the install line."""


def nearest(name: str, known: list[str]) -> str:
    """Say which known name a wrong one was probably meant to be.

    Args:
        name: what was asked for.
        known: what there is.

    Returns:
        `` Did you mean `x`?`` with a leading space, or the empty string where nothing is near.
    """
    from difflib import get_close_matches

    close = get_close_matches(name, known, n=1, cutoff=0.5)
    return f" Did you mean `{close[0]}`?" if close else ""
