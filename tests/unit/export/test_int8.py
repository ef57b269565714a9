"""Bundles of whole numbers: what they are made of, what they cost, and when they are refused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from plait.errors import RunError

if TYPE_CHECKING:
    from plait.run.run import Run


@pytest.fixture(scope="session")
def small(films_run: Run) -> Path:
    from plait.export.command import export
    from plait.export.options import Options

    folder = films_run.folder.parent / "small"
    export(films_run, folder, Options(int8=True, loss=1.0))
    return folder


def test_rows_are_rounded_with_a_scale_of_their_own() -> None:
    from plait.export.store import quantised

    draw = np.random.default_rng(2)
    rows = (draw.normal(size=(50, 16)) * draw.uniform(0, 100, (50, 1))).astype(np.float32)
    rows[3] = 0
    whole, scale = quantised(rows)
    assert whole.dtype == np.int8 and scale.shape == (50,)
    assert np.abs(whole).max(axis=1)[rows.any(axis=1)].tolist() == [127] * 49
    assert (np.abs(whole * scale[:, None] - rows) <= scale[:, None] / 2 + 1e-6).all()


def test_products_and_vectors_are_whole_numbers(small: Path, films_bundle: Path) -> None:
    import onnx
    from safetensors.numpy import load_file

    nodes = [node.op_type for node in onnx.load(str(small / "rank.onnx")).graph.node]
    assert "MatMulIntegerToFloat" in nodes and "MatMulInteger" not in nodes
    assert "DynamicQuantizeLinear" not in nodes, "a scale taken from a request would tie its items together"
    items, exact = load_file(small / "items.safetensors"), load_file(films_bundle / "items.safetensors")
    assert "role:films" not in items, "what the first layers make of it stands for it"
    assert items["kept"].dtype == np.int8
    back = items["kept"] * items["kept.scale"][:, None]
    np.testing.assert_allclose(back, exact["kept"], atol=float(np.abs(exact["kept"]).max()) / 127)


def test_it_says_what_it_costs(small: Path, films_run: Run) -> None:
    from plait.export.bundle import load_bundle
    from plait.export.compress import table

    backend = load_bundle(small).backend
    found = backend.serving.compared  # type: ignore[attr-defined]
    assert [known.name for known in found] == ["fp32", "int8"]
    assert set(found[1].quality) == {"like", "stars", "love", "next"}
    assert found[0].quality["like"].metric == "auc"
    assert all(quality.loss == 0 for quality in found[0].quality.values() if quality.loss is not None)
    lines = table(found)
    assert lines[0].split()[:2] == ["size", "30"] and lines[2].startswith("int8")
    assert all(known.milliseconds > 0 and known.bytes > 0 for known in found)


def test_scores_stay_near(small: Path, films_run: Run) -> None:
    from plait.export.backend import Asker
    from plait.export.bundle import load_bundle
    from plait.export.eager import EagerBackend

    items = torch.arange(1, 31)
    said, meant = load_bundle(small).backend.rank(Asker(5), items), EagerBackend(films_run).rank(Asker(5), items)
    for name, scores in meant.items():
        assert float((said[name] - scores).abs().max()) < 0.05, name


def test_more_loss_than_was_said_is_refused(films_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from plait.export import int8
    from plait.export.command import export
    from plait.export.options import Options
    from plait.export.store import quantised

    def rough(tensor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        whole, scale = quantised(tensor)
        return -whole, scale

    monkeypatch.setattr(int8, "quantised", rough)
    with pytest.raises(
        RunError, match=r"should lose at most 0.10% of any task's metric .*`--loss`.*Found int8: .* loses"
    ) as e:
        export(films_run, tmp_path / "bundle", Options(int8=True, loss=0.001))
    assert "Nothing was written. Export with --loss 0." in str(e.value)
    assert list(tmp_path.iterdir()) == []


def test_test_examples_are_scored_as_of_their_time(films_run: Run, films_bundle: Path) -> None:
    from plait.export.bundle import load_bundle
    from plait.export.quality import outcomes

    found = outcomes(films_run, load_bundle(films_bundle).backend)
    rows = films_run.prepared.rows("like", "test")
    # The event table has no column of its own that the model reads, so a service sees what the report saw.
    meant = films_run.scorer.outputs("ratings", rows, ["like"])["like"]
    np.testing.assert_allclose(found["like"].prediction, meant.numpy(), atol=1e-5)
    ranked = films_run.scorer.outcomes("test")["next"]
    # Films without a rating are alike to the model; where they stand among each other is rounding.
    assert np.abs(found["next"].rank - ranked.rank).max() <= 3
    assert np.median(np.abs(found["next"].rank - ranked.rank)) == 0
