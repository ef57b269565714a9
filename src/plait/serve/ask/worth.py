"""What a formula may name: one number for an item from each task, and which formula there is where nobody said one."""

from collections.abc import Collection
from typing import Final, final

import torch
from jaxtyping import Float
from torch import Tensor

from plait.errors import RecipeError
from plait.export.backend import Backend
from plait.export.eager import EagerBackend
from plait.run.run import Run
from plait.serve.ask.formula import Formula

__all__ = ["Worth", "check_formula"]

_ONE: Final = frozenset({"binary", "regression", "amount", "ranking"})


@final
class Worth:
    """The names of a formula and their values.

    A binary task is its probability, a regression or an amount its value, an ordinal task the class it expects, a ranking
    task its score, a retrieval task how well user and item fit (the inner product over the temperature, so that `exp` of it
    is in proportion to the chance that they pick the item). `task.class` is the probability of a class, `task.q90` a
    quantile.

    Args:
        run: says of which kind the tasks are.
        backend: says which numbers they give.
    """

    def __init__(self, run: Run, backend: Backend) -> None:
        self.columns = backend.columns
        self.kinds = {name: run.layout.tasks[name].kind for name in backend.columns}
        pairing = backend.shape.pairings[0] if backend.shape.pairings else None
        self.retrieval = None if pairing is None else pairing.retrieval
        self.ranks = None if pairing is None else pairing.ranks
        settings = None if self.retrieval is None else run.recipe.tasks[self.retrieval]
        self._temperature = float(getattr(settings, "temperature", 1.0))
        self._levels = {name: _levels(columns) for name, columns in self.columns.items() if self.kinds[name] == "ordinal"}
        self.names = self._all_names()

    def default(self) -> str | None:
        """Return the formula for where nobody said one; None where no task puts items in order.

        With a retrieval task it is the chance that the user picks the item, times the chance of every binary task. Without
        one it is the chance of every binary task, else the first task with an order.
        """
        chances = [quoted(name) for name, kind in self.kinds.items() if kind == "binary"]
        if self.retrieval is not None:
            return " * ".join([f"exp({quoted(self.retrieval)})", *chances])
        return " * ".join(chances) or (None if self.ranks is None else quoted(self.ranks))

    def without_retrieval(self) -> str | None:
        """Return the formula for where users could not be placed."""
        chances = [quoted(name) for name, kind in self.kinds.items() if kind == "binary"]
        return " * ".join(chances) or (None if self.ranks is None else quoted(self.ranks))

    def values(
        self, wanted: Collection[str], outputs: dict[str, Float[Tensor, "C _"]], fits: Float[Tensor, " C"] | None
    ) -> dict[str, Float[Tensor, " C"]]:
        """Return the values of some names, those of them that there are.

        Args:
            wanted: the names.
            outputs: what the tasks predict.
            fits: how well each item fits the user, by the retrieval task.
        """
        found = {}
        for name in wanted:
            if name == self.retrieval and fits is not None:
                found[name] = fits / self._temperature
            elif name in outputs:
                found[name] = self.single(name, outputs[name])
            elif (parts := self._parts.get(name)) is not None and parts[0] in outputs:
                found[name] = outputs[parts[0]][:, parts[1]]
        return found

    def single(self, task: str, output: Float[Tensor, "C _"]) -> Float[Tensor, " C"]:
        """Return the one number of a task: its first, or the class an ordinal task expects."""
        return output @ self._levels[task] if task in self._levels else output[:, 0]

    def formula(self, text: str) -> Formula:
        """Read a formula over these names.

        Raises:
            RecipeError: it cannot be read, names what there is not, or names nothing.
        """
        return named(Formula(text, self.names))

    def _all_names(self) -> list[str]:
        self._parts: dict[str, tuple[str, int]] = {}
        whole = [name for name, kind in self.kinds.items() if kind in _ONE or kind == "ordinal"]
        for task, columns in self.columns.items():
            if len(columns) > 1:
                self._parts.update({f"{task}.{column}": (task, place) for place, column in enumerate(columns)})
        return [*whole, *([self.retrieval] if self.retrieval is not None else []), *self._parts]


def check_formula(run: Run, text: str) -> None:
    """Make sure that a formula can be used with a run, before it is written anywhere.

    Raises:
        RecipeError: it cannot be read, or names what there is not.
        RunError: users and items do not meet in this run, so nothing is put in order.
    """
    backend = EagerBackend(run)
    backend.pairing()
    Worth(run, backend).formula(text)


def named(formula: Formula) -> Formula:
    """Return a formula that names something.

    Raises:
        RecipeError: it is the same for all items.
    """
    if not formula.names:
        raise RecipeError(f"A formula should name a task, or all items are worth the same. Found `{formula.text}`.")
    return formula


def quoted(name: str) -> str:
    """Write a name so that a formula reads it as one."""
    return name if name.isidentifier() else f"`{name}`"


def _levels(columns: list[str]) -> Tensor:
    """Return what the classes of an ordinal task count: their numbers, or their places where they are words."""
    try:
        return torch.tensor([float(name) for name in columns])
    except ValueError:
        return torch.arange(len(columns)).float()
