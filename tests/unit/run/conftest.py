"""One small finished run, made once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

if TYPE_CHECKING:
    from plait.run.run import Run


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tables of films and their recipe."""
    from support.films import write_films

    folder = tmp_path_factory.mktemp("films")
    recipe = write_films(folder)
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe, allow_unicode=True), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def run(films: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    from plait.run.job import train

    return train(films / "recipe.yaml", tmp_path_factory.mktemp("out") / "run", trees=True)
