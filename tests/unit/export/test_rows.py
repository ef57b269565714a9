"""Runs without users and items: a graph for each table, fed with packed columns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from plait.errors import RecipeError, RunError

if TYPE_CHECKING:
    from plait.run.run import Run


@pytest.fixture(scope="module")
def offers_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Offers with many-valued categories, missing numbers and a key to shops."""
    from support.films import trained

    folder, draw, rows = tmp_path_factory.mktemp("offers"), np.random.default_rng(6), 400
    pq.write_table(pa.table({"shop_id": range(1, 8), "size": draw.normal(size=7)}), folder / "shops.parquet")
    price = draw.normal(size=rows)
    columns = {
        "offer_id": range(rows),
        "shop_id": draw.integers(1, 9, rows),
        "tags": [("a|b", "c", None, "b|c|a")[i % 4] for i in range(rows)],
        "price": pa.array([None if i % 7 == 0 else float(p) for i, p in enumerate(price)]),
        "sold": (price + draw.normal(size=rows) > 0).astype(int),
        "kind": [("x", "y", "z")[i % 3] for i in range(rows)],
    }
    pq.write_table(pa.table(columns), folder / "offers.parquet")
    recipe = {
        "name": "offers",
        "tables": {
            "offers": {"source": "offers.parquet", "id": "offer_id", "keys": {"shop_id": "shops"}},
            "shops": {"source": "shops.parquet", "id": "shop_id"},
        },
        "features": {
            "offers.offer_id": "ignore",
            "offers.tags": {"kind": "category", "separator": "|"},
            "offers.price": "number",
            "shops.shop_id": "id",
            "shops.size": "number",
        },
        "tasks": {
            "sold": {"table": "offers", "kind": "binary", "label": "sold"},
            "kind": {"table": "offers", "kind": "multiclass", "label": "kind"},
        },
        "split": {"by": "random", "valid": 0.2, "test": 0.2},
        "model": {"width": 4, "sharing": {"kind": "mmoe", "experts": 2, "expert": [8]}, "tower": [4]},
        "train": {"epochs": 1, "batch": 64},
    }
    return trained(recipe, folder)


@pytest.fixture(scope="module")
def offers(offers_run: Run) -> Path:
    from plait.export.command import export

    folder = offers_run.folder.parent / "bundle"
    export(offers_run, folder)
    return folder


def test_new_rows_are_scored_as_the_run_scores_them(offers_run: Run, offers: Path) -> None:
    from plait.data.apply import apply
    from plait.export.bundle import load_bundle

    rows = pa.table(
        {
            "shop_id": [3, 99, 1, None],
            "tags": ["a|c", "unknown", None, "b"],
            "price": pa.array([0.3, None, -40.0, 1e6]),
        }
    )
    meant = offers_run.predict(rows, "offers")
    columns = apply(offers_run.prepared, "offers", rows)
    backend = load_bundle(offers).backend
    said = backend.rows("offers", columns, torch.arange(1, 5))  # type: ignore[attr-defined]
    np.testing.assert_allclose(said["sold"][:, 0], meant["sold"].to_numpy(), atol=1e-5)
    for place, name in enumerate(("x", "y", "z")):
        np.testing.assert_allclose(said["kind"][:, place], meant[f"kind.{name}"].to_numpy(), atol=1e-5)


def test_nobody_is_ranked_and_nothing_made_smaller(offers_run: Run, offers: Path, tmp_path: Path) -> None:
    from plait.export.backend import Asker
    from plait.export.bundle import load_bundle
    from plait.export.command import export
    from plait.export.options import Options

    backend = load_bundle(offers).backend
    with pytest.raises(RunError, match="Items are ranked for users"):
        backend.rank(Asker(0), torch.tensor([1]))
    with pytest.raises(RunError, match="should have a graph for `shops` to score its rows. Found none"):
        backend.rows("shops", offers_run.prepared.tables["shops"], torch.tensor([1]))  # type: ignore[attr-defined]
    with pytest.raises(RecipeError, match="should be given a run that ranks items for users.* Found tasks"):
        export(offers_run, tmp_path / "bundle", Options(int8=True))
