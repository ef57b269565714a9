"""A small shop, trained and exported once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.operators import listed_once

if TYPE_CHECKING:
    from pathlib import Path

    from plait.run.run import Run

__all__ = ["listed_once"]


@pytest.fixture(scope="session")
def films_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    from support.films import trained, write_films

    folder = tmp_path_factory.mktemp("films")
    recipe = write_films(folder)
    recipe["tasks"]["love"] = {"table": "ratings", "kind": "binary", "label": "stars >= 5", "given": "like"}
    return trained(recipe, folder)


@pytest.fixture(scope="session")
def films_bundle(films_run: Run) -> Path:
    from plait.export.command import export
    from plait.export.options import Options

    folder = films_run.folder.parent / "bundle"
    export(films_run, folder, Options(formula="like^1"))
    return folder
