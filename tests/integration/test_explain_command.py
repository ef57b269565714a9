"""Why, asked on the command line, of a model of real ratings."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from support.command import plait


@pytest.fixture(scope="module")
def run(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from plait.run.job import train

    base = tmp_path_factory.mktemp("ratings")
    source = shared_data / "movielens_small"
    pq.write_table(pq.read_table(source / "ratings.parquet").slice(0, 12_000), base / "ratings.parquet")
    recipe = {
        "name": "ratings",
        "tables": {
            "ratings": {"source": "ratings.parquet", "time": "timestamp", "keys": {"userId": "users", "movieId": "movies"}},
            "movies": {"source": str(source / "movies.parquet"), "id": "movieId"},
            "users": {"of": "ratings.userId"},
        },
        "features": {"movies.title": "ignore", "movies.genres": "ignore"},
        "tasks": {
            "like": {"table": "ratings", "kind": "binary", "label": "rating >= 4"},
            "stars": {"table": "ratings", "kind": "regression", "label": "rating"},
            "dislike": {"table": "ratings", "kind": "binary", "label": "rating < 4"},
        },
        "model": {"sharing": {"kind": "mmoe", "experts": 3, "expert": [16]}, "width": 8, "tower": [8]},
        "train": {"epochs": 2, "batch": 512, "threads": 1, "probes": 6},
    }
    (base / "recipe.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    return train(base / "recipe.yaml", base / "run", alone=False).folder


def test_like_and_stars_pull_the_same_way(run: Path, tmp_path: Path) -> None:
    page = tmp_path / "why.html"
    data = json.loads(plait("explain", "conflicts", run, "--json", "--out", page).stdout)
    whole = {(one["first"], one["second"]): one for one in data["cosine"] if one["part"] is None}
    assert whole["like", "stars"]["verdict"] == "together"
    assert whole["like", "stars"]["draws"] >= 6
    parts = {one["part"]: one for one in data["cosine"] if (one["first"], one["second"]) == ("like", "stars")}
    assert {"embeddings of movies", "embeddings of users", "experts"} <= set(parts)
    assert page.read_text().count("<svg") > 3
    lines = plait("explain", "conflicts", run).stdout
    assert "pull the same way" in lines


def test_exit_codes(run: Path, tmp_path: Path) -> None:
    assert "should be a run folder" in plait("explain", "conflicts", tmp_path / "none", code=1).stderr
    assert "two different tasks" in plait("explain", "front", run, "--tasks", "like", code=2).stderr
    assert "on the front" in plait("explain", "front", run, run, "--tasks", "like,stars").stdout
    assert "Example: plait explain" in " ".join(plait("explain", "conflicts", "--help").stdout.split())
