"""The page on Chinese texts runs as written, on texts that the test makes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from plait.recipe import Recipe
from plait.run.encoder import new_encoder_command
from plait.run.job import train

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "chinese.md").read_text(encoding="utf-8")
THINGS = {"水果": ["苹果很甜", "橙子个头", "水果新鲜度"], "酒店": ["房间的床", "前台服务员", "早餐和大堂"]}
SAID = {1: ["非常满意", "推荐购买", "真的不错"], 0: ["非常失望", "不会再来", "质量太差"]}


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


RECIPES = {recipe["name"]: recipe for recipe in map(yaml.safe_load, blocks("yaml")) if "name" in recipe}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with reviews and captions, and with what the page's program makes of them."""
    draw = np.random.default_rng(5)
    rows: list[dict[str, Any]] = []
    for _ in range(800):
        category, positive = str(draw.choice(list(THINGS))), int(draw.integers(2))
        words = [str(draw.choice(THINGS[category])), str(draw.choice(SAID[positive]))]
        text = "，".join(words[:: int(draw.choice([1, -1]))]) + "。"
        rows.append({"text": text, "category": category, "positive": positive, "words": [category, words[0][:2]]})
    made = pa.Table.from_pylist(rows)
    reviews = made.select(["text", "positive", "category"]).rename_columns(["review", "positive", "category"])
    captions = made.select(["text", "category", "words"]).rename_columns(["caption", "topic", "tags"])
    pq.write_table(reviews, tmp_path / "reviews.parquet")
    pq.write_table(captions, tmp_path / "captions.parquet")
    vectors = [[float(mark in row["text"]) for mark in ("苹", "橙", "水", "满", "推", "错")] for row in rows]
    pq.write_table(reviews.append_column("vector", pa.array(vectors)), tmp_path / "reviews_vectors.parquet")
    monkeypatch.chdir(tmp_path)
    exec(compile(blocks("python")[0], "chinese.md", "exec"), {})
    return tmp_path


def figures(folder: Path, name: str) -> dict[str, dict[str, float]]:
    recipe = RECIPES[name]
    recipe = recipe | {"train": recipe["train"] | {"batch": 32, "threads": 1, "probes": 0, "patience": 9}}
    report = train(recipe, folder / "run", alone=False, base=folder).report
    return {
        task: {figure: found.value for figure, found in one.joint.items() if found.value is not None}
        for task, one in report.tasks.items()
    }


def test_runs_of_characters_are_a_category(folder: Path) -> None:
    found = figures(folder, "reviews")
    assert found["positive"]["auc"] > 0.95
    assert found["category"]["accuracy"] > 0.95


def test_captions_have_a_topic_and_tags(folder: Path) -> None:
    found = figures(folder, "captions")
    assert found["topic"]["accuracy"] > 0.95
    assert {"topic", "tags"} == {*found}


def test_an_encoder_of_ones_own_reads_reviews(folder: Path) -> None:
    command = next(line for line in blocks("bash")[0].splitlines() if line.startswith("plait encoder new"))
    sources = re.findall(r"--texts (\S+)", command)
    new_encoder_command(Path("encoders/mine"), sources, "tiny", "characters", 8000, 17)
    found = figures(folder, "read")
    assert found["positive"]["auc"] > 0.9
    assert found["category"]["accuracy"] > 0.9
    assert found["words"]["perplexity"] < 40


def test_vectors_from_elsewhere_are_an_embedding(folder: Path) -> None:
    found = figures(folder, "given")
    assert found["positive"]["auc"] > 0.9
    assert found["category"]["accuracy"] > 0.75


def test_a_name_of_hugging_face_is_put_in_where_the_encoder_stood() -> None:
    (last,) = (block for block in map(yaml.safe_load, blocks("yaml")) if "name" not in block)
    recipe = Recipe.model_validate(RECIPES["read"] | last)
    assert recipe.model.text.model == "BAAI/bge-small-zh-v1.5"  # type: ignore[attr-defined]
