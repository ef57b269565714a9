"""A run whose text encoder was tuned with the tasks: it needs nothing but its own folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plait.errors import CorruptError
from plait.run.evaluate import evaluate
from plait.run.job import train
from plait.run.run import Run, load
from support.opinions import opinions, recipe_of


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("shop")
    encoder = opinions(folder)
    made = train(recipe_of(encoder), tmp_path_factory.mktemp("out") / "run", base=folder, alone=False)
    visits = pq.read_table(folder / "visits.parquet")
    shutil.rmtree(folder)
    pq.write_table(visits, made.folder.parent / "visits.parquet")
    return load(made.folder)


def test_it_predicts_what_was_reported(run: Run) -> None:
    kept = pq.read_table(run.folder / "predictions" / "joint-a.parquet")
    rows = run.prepared.rows("a", "test")
    visits = pq.read_table(run.folder.parent / "visits.parquet").take(rows.numpy() - 1)
    found = run.predict(visits, "visits")
    # Texts are laid below other texts here, which may change the last bit.
    assert np.allclose(kept["prediction_0"].to_numpy(), found["a"].to_numpy(), atol=1e-5)


def test_it_reads_texts_that_are_new(run: Run) -> None:
    found = run.predict(
        pa.table({"id": ["new", "none", "odd"], "title": ["good dog", None, "\x00 ü 狗 " * 500]}), "products"
    )
    values = found["c"].to_pylist()
    assert all(0 < value < 1 for value in values)
    assert values[0] != values[1]


def test_it_is_measured_on_other_rows(run: Run) -> None:
    lines, figures = evaluate(run.folder, run.folder.parent / "visits.parquet", "visits")
    assert lines and isinstance(figures, dict)


def test_it_is_served(run: Run) -> None:
    from plait.export.bundle import load_bundle
    from plait.serve.ask.questions import RecommendAsked, SimilarAsked
    from plait.serve.service import Service

    service = Service(load_bundle(run.folder))
    assert len(service.similar(SimilarAsked(item="p0", count=3)).items) == 3
    recommended = service.recommend(RecommendAsked(user="1", count=3))
    assert len(recommended.items) == 3
    assert recommended.degraded == []


def test_it_says_how_much_was_trained(run: Run) -> None:
    report = json.loads((run.folder / "report.json").read_text())
    adapters = 2 * (4 * 8 * 64 + 2 * 8 * 96)
    assert adapters < report["trained"] < report["parameters"]
    assert f"{report['trained']:,}" in (run.folder / "report.html").read_text(encoding="utf-8")


def test_its_encoder_is_named_by_another_recipe(run: Run, tmp_path: Path) -> None:
    opinions(tmp_path, rows=60)
    recipe = recipe_of(run.folder / "encoder", {"tune": "full"}, train={"epochs": 1})
    other = train(recipe, tmp_path / "run", base=tmp_path, alone=False)
    assert other.report.trained > run.report.trained


def test_its_encoder_is_no_weight_twice(run: Run) -> None:
    from safetensors import safe_open

    with safe_open(run.folder / "weights.safetensors", "pt") as file:
        assert not [name for name in file.keys() if name.startswith("encoder.texts.")]  # noqa: SIM118  # no dictionary


def test_an_altered_encoder_is_found(run: Run) -> None:
    file = run.folder / "encoder" / "model.safetensors"
    before = file.read_bytes()
    file.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    with pytest.raises(CorruptError, match=r"1 altered: `encoder/model.safetensors`"):
        load(run.folder)
    file.write_bytes(before)
