"""Two small runs, trained once: a shop with users and films, and rows with neither."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plait.run.run import Run
    from plait.serve.browse import Browse


@pytest.fixture(scope="session")
def films_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    from support.films import trained, write_films

    folder = tmp_path_factory.mktemp("films")
    return trained(write_films(folder), folder)


@pytest.fixture(scope="session")
def people_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    from support.films import trained, write_people

    folder = tmp_path_factory.mktemp("people")
    return trained(write_people(folder), folder)


@pytest.fixture(scope="session")
def films(films_run: Run) -> Browse:
    from plait.serve.browse import Browse

    return Browse(films_run)


@pytest.fixture(scope="session")
def people(people_run: Run) -> Browse:
    from plait.serve.browse import Browse

    return Browse(people_run)
