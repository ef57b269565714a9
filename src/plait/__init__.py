"""Plait weaves many recommendation tasks into one model.

    import plait

    run = plait.train("movies.yaml", out="runs/movies")
    print(run.report.gain)
    run.predict(table)

Names are imported when they are used, so that `plait --help` needs no torch.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from plait.recipe import Recipe as Recipe
    from plait.recipe import load_recipe as load_recipe
    from plait.run.front import front as front
    from plait.run.job import train as train
    from plait.run.run import Run as Run
    from plait.run.run import load as load

__all__ = ["Recipe", "Run", "__version__", "front", "load", "load_recipe", "train"]

__version__ = "0.1.0"

_HOMES = {
    "Recipe": "plait.recipe",
    "Run": "plait.run.run",
    "front": "plait.run.front",
    "load": "plait.run.run",
    "load_recipe": "plait.recipe",
    "train": "plait.run.job",
}


def __getattr__(name: str) -> object:
    """Import a public name from its home when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module `plait` has no attribute `{name}`. Public names: {', '.join(__all__)}.")
    return vars(import_module(_HOMES[name]))[name]


@final
class _Package(ModuleType):
    """Keeps `plait.train` the function: importing the folder of that name would else put the folder in its place."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
