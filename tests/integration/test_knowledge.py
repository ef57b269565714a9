"""Graphs, links and rules on real tables, with the recipes of the how-to."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml

from plait.run.job import train
from plait.run.start import check_recipe

DATA = Path(__file__).parents[2].parent / "shared" / "data"
PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "knowledge.md").read_text(encoding="utf-8")
SMALL = {"width": 8, "sharing": {"kind": "shared_bottom", "layers": [32]}, "tower": [16]}


def blocks() -> list[dict[str, Any]]:
    return [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)]


def source(folder: str, name: str) -> Path:
    path = DATA / folder / name
    if not path.is_file():
        pytest.skip(f"the shared data are not here: {path}")
    return path


def write_movies(folder: Path) -> None:
    """Write the most rated films and their ratings; genres become facts, horror counts as for adults, ages are made up."""
    ratings = pq.read_table(source("movielens_small", "ratings.parquet"))
    counts = ratings.group_by("movieId").aggregate([("movieId", "count")]).sort_by([("movieId_count", "descending")])
    most = counts.slice(0, 400)["movieId"]
    movies = pq.read_table(source("movielens_small", "movies.parquet"))
    movies = movies.filter(pc.is_in(movies["movieId"], most.combine_chunks())).to_pylist()
    ratings = ratings.filter(pc.is_in(ratings["movieId"], most.combine_chunks())).slice(0, 12_000)
    years = [int(found[1]) if (found := re.search(r"\((\d{4})\)\s*$", m["title"])) else None for m in movies]
    columns = {"movie_id": [m["movieId"] for m in movies], "title": [m["title"] for m in movies], "year": years}
    columns["adult"] = ["Horror" in m["genres"] for m in movies]
    columns["genres"] = [m["genres"] for m in movies]
    pq.write_table(pa.table(columns), folder / "movies.parquet")
    facts = [(m["movieId"], "genre", genre) for m in movies for genre in m["genres"].split("|")]
    facts += [(m["movieId"], "decade", f"{year // 10}0s") for m, year in zip(movies, years, strict=True) if year]
    names = ("movie_id", "relation", "thing")
    pq.write_table(pa.table(dict(zip(names, zip(*facts, strict=True), strict=True))), folder / "facts.parquet")
    pq.write_table(ratings.rename_columns(["user_id", "movie_id", "rating", "timestamp"]), folder / "ratings.parquet")
    users = pc.unique(ratings["userId"]).to_pylist()
    pq.write_table(pa.table({"user_id": users, "age": [10 + user % 50 for user in users]}), folder / "users.parquet")


def recipe_of_the_how_to() -> dict[str, Any]:
    """Put the blocks of the how-to into a recipe of films."""
    graph, links, rules = blocks()
    return {
        "name": "films",
        "tables": {
            "ratings": {
                "source": "ratings.parquet",
                "time": "timestamp",
                "keys": {"user_id": "users", "movie_id": "movies"},
            },
            "users": {"source": "users.parquet", "id": "user_id"},
            **graph["tables"],
        },
        "features": {
            "movies.title": "ignore",
            "movies.genres": {"kind": "category", "separator": "|"},
            **graph["features"],
            **links["features"],
        },
        "tasks": {
            **links["tasks"],
            "next": {"table": "ratings", "kind": "retrieval", "label": "movie_id", "where": "rating >= 4"},
            "genre": {
                "table": "movies",
                "kind": "multilabel",
                "label": "string_split(genres, '|')",
                "inputs": ["movies.year"],
            },
        },
        "rules": rules["rules"],
        "model": SMALL,
        "train": {"epochs": 2, "batch": 512, "learning_rate": 0.01},
    }


def test_the_recipe_of_the_how_to_on_real_films(tmp_path: Path) -> None:
    write_movies(tmp_path)
    recipe = recipe_of_the_how_to()
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    lines, _, failed = check_recipe(tmp_path / "recipe.yaml", [])
    assert not failed, "\n".join(line for line in lines if line.startswith("FAIL"))
    told = [line.split(maxsplit=3) for line in lines]
    assert {(place, words[1]) for words in told for place in words[2:3] if words[1] in ("graph", "rule")} == {
        ("movies.known", "graph"), ("ratings.adults", "rule"), ("movies.genres", "rule"), ("ratings.shown", "rule"),
    }  # fmt: skip
    run = train(recipe, tmp_path / "run", base=tmp_path, alone=False)
    link = run.report.tasks["link"].joint
    things = run.layout.tables["thing"].rows
    assert link["mrr"].value > 1.5 * sum(1 / n for n in range(1, things + 1)) / things, "better than any order"
    assert link["hit@10"].value >= link["hit@3"].value >= link["hit@1"].value
    rules = run.report.rules
    assert set(rules) == {"adults", "genres", "shown"}
    assert rules["adults"].forbidden["test"] > 0
    rows = pa.table({"movie_id": [1, 1], "relation": ["genre", "decade"], "thing": pa.nulls(2)})
    best = run.predict(rows, "facts")["link"].to_pylist()
    assert len(best[0]) == 10
    assert best[0] != best[1]
    users = pq.read_table(tmp_path / "users.parquet").to_pylist()
    movies = {m["movie_id"]: m for m in pq.read_table(tmp_path / "movies.parquet").to_pylist()}
    pairs = [(u, m) for u in users[:40] for m in list(movies)[:60]]
    asked = {"user_id": [u["user_id"] for u, _ in pairs], "movie_id": [m for _, m in pairs], "timestamp": [2e9] * len(pairs)}
    found = run.predict(pa.table(asked), "ratings")
    for (user, movie), like, shown in zip(pairs, *(found[t].to_pylist() for t in ("like", "next")), strict=True):
        assert (like == 0) is (user["age"] < 18 and movies[movie]["adult"])
        assert user["age"] >= 18 or not any(movies[m]["adult"] for m in shown)


def test_next_item_and_links_jointly_on_real_groceries(tmp_path: Path) -> None:
    events = pq.read_table(source("grocery_relations", "events.parquet")).sort_by("time")
    events = events.slice(events.num_rows - 5_000)
    items = pq.read_table(source("grocery_relations", "items.parquet"))
    items = items.filter(pc.is_in(items["item_id"], pc.unique(events["item_id"])))
    known = set(items["item_id"].to_pylist())
    facts: set[tuple[int, str, int]] = set()
    for row in items.to_pylist():
        for relation, column in (("together", "r_complement"), ("viewed", "r_substitute")):
            others = [o for o in json.loads(row[column] or "[]") if o in known and o != row["item_id"]]
            facts |= {(min(row["item_id"], o), relation, max(row["item_id"], o)) for o in others[:4]}
    pq.write_table(events, tmp_path / "events.parquet")
    pq.write_table(items.select(["item_id", "i_category"]), tmp_path / "items.parquet")
    columns = dict(zip(("item", "relation", "other"), zip(*sorted(facts), strict=True), strict=True))
    pq.write_table(pa.table(columns), tmp_path / "facts.parquet")
    related = {"kind": "graph", "relation": "relation", "most": 8}
    recipe = {
        "name": "groceries",
        "tables": {
            "events": {"source": "events.parquet", "time": "time", "keys": {"user_id": "users", "item_id": "items"}},
            "users": {"of": "events.user_id", "id": "user_id"},
            "items": {"source": "items.parquet", "id": "item_id"},
            "facts": {"source": "facts.parquet", "keys": {"item": "items", "other": "items"}},
        },
        "features": {
            "users.recent": {"kind": "history", "of": "events.item_id", "last": 10},
            "items.i_category": "category",
            "items.leads_to": {**related, "of": "facts.other", "head": "item"},
            "items.led_to_by": {**related, "of": "facts.item", "head": "other"},
            "facts.relation": "category",
        },
        "tasks": {
            "next": {"table": "events", "kind": "retrieval", "label": "item_id"},
            "link": {
                "table": "facts",
                "kind": "retrieval",
                "label": "other",
                "filtered": ["item", "relation"],
                "score": "distmult",
            },
        },
        "split": {"by": "time", "valid": 0.1, "test": 0.1},
        "model": SMALL,
        "train": {"epochs": 2, "batch": 512, "negatives": 256, "learning_rate": 0.01},
    }
    run = train(recipe, tmp_path / "run", base=tmp_path, alone=False)
    chance = (np.log(items.num_rows) + 0.58) / items.num_rows
    assert run.report.tasks["next"].joint["mrr"].value > 1.2 * chance
    assert run.report.tasks["link"].joint["mrr"].value > 5 * chance
    layout = {f.name: f for f in run.layout.tables["items"].features}
    assert layout["items.leads_to"].relations == 3
    assert run.prepared.graphs["items.led_to_by"].keys.head == "other"
