"""Every built-in backend through the shipped suite."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from plait.testing import BackendContract
from support.operators import listed_once

if TYPE_CHECKING:
    from plait.export.backend import Backend
    from plait.run.run import Run

__all__ = ["listed_once"]


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


class Exported(Films):
    int8 = False

    @pytest.fixture(autouse=True)
    def _exported(self, films_run: Run) -> None:
        from plait.export.command import export
        from plait.export.options import Options

        self.folder = films_run.folder.parent / ("int8" if self.int8 else "bundle")
        if not self.folder.exists():
            export(films_run, self.folder, Options(int8=self.int8, loss=1.0))

    def made(self) -> Backend:
        from plait.export.bundle import load_bundle

        return load_bundle(self.folder).backend


class TestInt8(Exported):
    int8 = True


class TestOnnx(Exported):
    def test_added_items_are_scored_as_the_run_scores_them(self) -> None:
        import torch

        from plait.export.backend import Asker
        from plait.export.eager import EagerBackend

        bundle, run = self.made(), EagerBackend(self.run)
        numbers = bundle.add(self.new_items())
        assert run.add(self.new_items()) == numbers
        items = torch.tensor([1, *numbers, 7])
        for asker in (Asker(3), Asker(0, (numbers[1], 2, 5)), Asker(7, ())):
            for name, scores in run.rank(asker, items).items():
                torch.testing.assert_close(bundle.rank(asker, items)[name], scores, atol=1e-5, rtol=1e-5)
        places, meant = bundle.places(), run.places()
        assert places is not None and meant is not None
        torch.testing.assert_close(places, meant, atol=1e-5, rtol=1e-5)
