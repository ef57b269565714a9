"""Every built-in backend through the shipped suite."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from plait.testing import BackendContract

if TYPE_CHECKING:
    from plait.export.backend import Backend
    from plait.run.run import Run


@pytest.fixture(scope="module")
def films_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    from support.films import trained, write_films

    folder = tmp_path_factory.mktemp("films")
    return trained(write_films(folder), folder)


class Films(BackendContract):
    run: Run

    @pytest.fixture(autouse=True)
    def _trained(self, films_run: Run) -> None:
        self.run = films_run

    def new_items(self) -> pa.Table:
        return pa.table({"film_id": ["new/1", "new/2"], "title": ["One", "Two"], "genres": ["drama", "comedy|crime"]})


class TestEager(Films):
    def made(self) -> Backend:
        from plait.export.eager import EagerBackend

        return EagerBackend(self.run)
