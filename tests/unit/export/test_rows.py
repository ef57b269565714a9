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


@pytest.mark.parametrize(("column", "kind"), [("price", "number"), ("word", "category")])
def test_a_table_of_numbers_or_of_words_alone(tmp_path: Path, column: str, kind: str) -> None:
    from plait.export.command import export
    from plait.export.options import Options
    from support.films import trained

    price = np.random.default_rng(6).normal(size=200)
    columns = {"price": price, "word": [("x", "y", "z")[i % 3] for i in range(200)], "sold": (price > 0).astype(int)}
    pq.write_table(pa.table({name: columns[name] for name in (column, "sold")}), tmp_path / "offers.parquet")
    recipe = {
        "name": "offers",
        "tables": {"offers": {"source": "offers.parquet"}},
        "features": {f"offers.{column}": kind},
        "tasks": {"sold": {"table": "offers", "kind": "binary", "label": "sold"}},
        "split": {"by": "random", "valid": 0.2, "test": 0.2},
        "model": {"width": 4, "sharing": {"kind": "shared_bottom", "layers": [8]}, "tower": [4]},
        "train": {"epochs": 1, "batch": 64},
    }
    run = trained(recipe, tmp_path)
    for int8 in (False, True):
        serving = export(run, tmp_path / f"bundle-{int8}", Options(int8=int8, loss=1.0))
        assert serving.difference < 1e-4


@pytest.mark.parametrize(
    ("smaller", "names"),
    [
        ("int8", ["fp32", "int8"]),
        ("prune", ["run", "pruned", "pruned int8"]),
        pytest.param("distil", ["run", "distilled", "distilled int8"], marks=pytest.mark.soak),
    ],
)
def test_a_smaller_bundle_of_rows(offers_run: Run, offers: Path, tmp_path: Path, smaller: str, names: list[str]) -> None:
    import onnx

    from plait.export.bundle import load_bundle
    from plait.export.command import export
    from plait.export.compress import bytes_of
    from plait.export.options import Options
    from plait.measure import quick

    prune, distil = 0.5 if smaller == "prune" else 0.0, smaller == "distil"
    serving = export(offers_run, tmp_path / "bundle", Options(int8=True, prune=prune, distil=distil, loss=1.0))
    assert [known.name for known in serving.compared] == names
    assert set(serving.compared[0].quality) == {"sold", "kind"}
    assert all(known.milliseconds > 0 and known.candidates == 200 for known in serving.compared)
    nodes = [node.op_type for node in onnx.load(str(tmp_path / "bundle" / "rows-offers.onnx")).graph.node]
    assert "MatMulIntegerToFloat" in nodes and "DynamicQuantizeLinear" not in nodes
    small, exact = load_bundle(tmp_path / "bundle"), load_bundle(offers).backend
    assert small.backend.serving.precision == "int8"  # type: ignore[attr-defined]
    assert serving.compared[-1].bytes == bytes_of(tmp_path / "bundle", small.backend.serving)  # type: ignore[attr-defined]
    if smaller == "int8":
        columns, rows = offers_run.prepared.tables["offers"], offers_run.prepared.rows("sold", "test")
        said, meant = (one.rows("offers", columns, rows)["sold"] for one in (small.backend, exact))  # type: ignore[attr-defined]
        # A row beyond what training rows hold is read as the farthest of them, so only most rows are near.
        assert 0 < float((said - meant).abs().mean()) < 0.01
        quality = serving.compared[0].quality["sold"]
        right = quick("binary", offers_run.scorer.outcomes("test")["sold"], quality.metric)
        assert quality.value == pytest.approx(right, abs=1e-4), "what the report says of the same rows"


def test_nobody_is_ranked_and_nothing_compiled(offers_run: Run, offers: Path, tmp_path: Path) -> None:
    from plait.export.backend import Asker
    from plait.export.bundle import load_bundle
    from plait.export.command import export
    from plait.export.options import Options

    backend = load_bundle(offers).backend
    with pytest.raises(RunError, match="Items are ranked for users"):
        backend.rank(Asker(0), torch.tensor([1]))
    with pytest.raises(RunError, match="should have a graph for `shops` to score its rows. Found none"):
        backend.rows("shops", offers_run.prepared.tables["shops"], torch.tensor([1]))  # type: ignore[attr-defined]
    with pytest.raises(RecipeError, match="`--compiled` should be given a run that ranks items for users.* Found tasks"):
        export(offers_run, tmp_path / "bundle", Options(compiled=True))
