"""A small shop, trained and exported once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.operators import listed_once

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from plait.run.run import Run

__all__ = ["listed_once"]


@pytest.fixture(scope="session", autouse=True)
def first_products_are_looked_up() -> Iterator[None]:
    """Store products of these items too, though they are so few numbers that it does not pay."""
    from plait.export import kept

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kept, "PAYS", 1)
        yield


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
