"""Rows are read at serving as they were in training, and models with a language model inside are exported with it merged."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest
import torch

if TYPE_CHECKING:
    from plait.run.run import Run


def _same_rows(run: Run, table: str, source: Path, count: int) -> None:
    """Pack rows of the source again, as if they came to a service, and compare every bit with the prepared table."""
    from plait.data.apply import apply

    known = run.prepared.tables[table]
    rows = pq.read_table(source).slice(0, count)
    packed = apply(run.prepared, table, rows, run.texts, run.media)
    assert rows.num_rows == min(count, known.matrix.shape[0] - 1)
    assert torch.equal(packed.matrix[1:], known.matrix[1 : rows.num_rows + 1])
    for name, vector in known.vectors.items():
        assert torch.equal(packed.vectors[name][1:], vector[1 : rows.num_rows + 1])


def _same_scores(run: Run, bundle: Path, pairs: int) -> float:
    """Score pairs by the bundle and by the run; return the largest difference."""
    from plait.export.backend import Asker
    from plait.export.bundle import load_bundle
    from plait.export.eager import EagerBackend

    backend, eager = load_bundle(bundle).backend, EagerBackend(run)
    draw, worst, size = torch.Generator().manual_seed(3), 0.0, 50
    for _ in range(pairs // size):
        asker = Asker(int(torch.randint(0, eager.users + 1, (), generator=draw)))
        items = torch.randint(0, eager.items + 1, (size,), generator=draw)
        said = backend.rank(asker, items)
        for name, scores in eager.rank(asker, items).items():
            worst = max(worst, float(((said[name] - scores).abs() / scores.abs().clamp(min=1)).max()))
    return worst


def test_rows_and_scores_are_the_same(films_run: Run, films_bundle: Path) -> None:
    for table in ("users", "films", "ratings"):
        _same_rows(films_run, table, films_run.folder.parent / f"{table}.parquet", 300)
    assert _same_scores(films_run, films_bundle, 500) <= 1e-5


@pytest.mark.soak
def test_10_000_rows_without_a_mismatch(tmp_path: Path) -> None:
    from plait.export.command import export
    from support.films import trained, write_films

    run = trained(write_films(tmp_path, users=2_000, films=3_000, ratings=12_000), tmp_path)
    _same_rows(run, "ratings", tmp_path / "ratings.parquet", 10_000)
    _same_rows(run, "films", tmp_path / "films.parquet", 10_000)
    export(run, tmp_path / "bundle")
    assert _same_scores(run, tmp_path / "bundle", 10_000) <= 1e-5


def test_adapters_of_a_language_model_are_merged(tmp_path: Path) -> None:
    from plait.export.backend import Asker
    from plait.export.bundle import load_bundle
    from plait.export.command import export
    from plait.export.eager import EagerBackend
    from plait.run.job import train
    from support.opinions import opinions, recipe_of

    run = train(recipe_of(opinions(tmp_path)), tmp_path / "run", base=tmp_path, alone=False)
    assert run.recipe.model.text.tune == "lora"
    assert not [name for name in run.model.state_dict() if "lora" in name], "a run holds one encoder, adapters and all"
    serving = export(run, tmp_path / "bundle")
    assert serving.difference <= 1e-4
    backend, eager = load_bundle(tmp_path / "bundle").backend, EagerBackend(run)
    items = torch.arange(1, eager.items + 1)
    for name, scores in eager.rank(Asker(1), items).items():
        torch.testing.assert_close(backend.rank(Asker(1), items)[name], scores, atol=1e-5, rtol=1e-5)
    places, meant = backend.places(), eager.places()
    if meant is not None:
        assert places is not None
        torch.testing.assert_close(places, meant, atol=1e-5, rtol=1e-5)
