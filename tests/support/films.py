"""A tiny shop on the disk, trained for a moment: users, films with awkward names, ratings, and rows without users."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from plait.run.run import Run

AWKWARD = ["<script>alert(1)</script>", "七人の侍", "Amélie & “friends”", "a/b?c=d#e", "x" * 150, "🎬 'quoted' \"twice\""]
SHORT = {"epochs": 1, "batch": 256}


def write_films(folder: Path, users: int = 40, films: int = 30, ratings: int = 900) -> dict[str, Any]:
    """Write the tables and return the recipe; ids of films hold slashes, spaces and letters of several scripts."""
    draw = np.random.default_rng(3)
    folder.mkdir(parents=True, exist_ok=True)
    names = [*AWKWARD, *(f"Film {number}" for number in range(len(AWKWARD), films))]
    ids = [f"f/{number} é" for number in range(films)]
    genres = [("crime|drama", "comedy", None, "drama")[number % 4] for number in range(films)]
    pq.write_table(pa.table({"film_id": ids, "title": names, "genres": genres}), folder / "films.parquet")
    pq.write_table(
        pa.table(
            {
                "user_id": range(1, users + 1),
                "age": draw.integers(18, 70, users),
                "town": ["Łódź", "<b>Bern</b>"] * (users // 2),
            }
        ),
        folder / "users.parquet",
    )
    # The last user has no ratings; the first has rated every film.
    who = np.concatenate([np.ones(films, dtype=np.int64), draw.integers(2, users, ratings - films)])
    what = np.concatenate([np.arange(films), draw.integers(0, films, ratings - films)])
    stars = 1 + ((who + what) % 2) * 2 + draw.integers(0, 3, ratings)
    when = np.datetime64("2024-01-01") + np.sort(draw.integers(0, 300, ratings)).astype("timedelta64[D]")
    pq.write_table(
        pa.table({"user_id": who, "film_id": [ids[i] for i in what], "stars": stars, "when": when.astype("datetime64[s]")}),
        folder / "ratings.parquet",
    )
    return {
        "name": "films",
        "tables": {
            "ratings": {"source": "ratings.parquet", "time": "when", "keys": {"user_id": "users", "film_id": "films"}},
            "films": {"source": "films.parquet", "id": "film_id"},
            "users": {"source": "users.parquet", "id": "user_id"},
        },
        "features": {
            "users.user_id": "id",
            "users.age": "number",
            "users.town": "category",
            "users.recent": {"kind": "history", "of": "ratings.film_id", "last": 5},
            "films.film_id": "id",
            "films.title": "ignore",
            "films.genres": {"kind": "category", "separator": "|"},
        },
        "tasks": {
            "like": {"table": "ratings", "kind": "binary", "label": "stars >= 4"},
            "stars": {"table": "ratings", "kind": "regression", "label": "stars"},
            "next": {"table": "ratings", "kind": "retrieval", "label": "film_id"},
            "genre": {"table": "films", "kind": "multilabel", "label": "genres", "inputs": ["films.film_id"]},
        },
        "split": {"by": "time", "valid": 0.1, "test": 0.1},
        "model": {"width": 4, "sharing": {"kind": "shared_bottom", "layers": [8]}, "tower": [4]},
        "train": SHORT,
    }


def write_people(folder: Path, rows: int = 300) -> dict[str, Any]:
    """Write one table with neither users nor items and return its recipe."""
    draw = np.random.default_rng(4)
    folder.mkdir(parents=True, exist_ok=True)
    age = draw.integers(18, 90, rows)
    columns = {
        "person_id": np.arange(1, rows + 1),
        "age": age,
        "job": [("cook", "nurse", "<i>judge</i>")[i % 3] for i in range(rows)],
        "rich": (age + draw.integers(0, 30, rows) > 70).astype(int),
        "degree": [("none", "school", "college")[int(a) % 3] for a in age],
    }
    pq.write_table(pa.table(columns), folder / "people.parquet")
    return {
        "name": "people",
        "tables": {"people": {"source": "people.parquet", "id": "person_id"}},
        "features": {"people.person_id": "ignore", "people.age": "number", "people.job": "category"},
        "tasks": {
            "rich": {"table": "people", "kind": "binary", "label": "rich"},
            "degree": {"table": "people", "kind": "multiclass", "label": "degree"},
        },
        "split": {"by": "random", "valid": 0.2, "test": 0.2},
        "model": {"width": 4, "sharing": {"kind": "shared_bottom", "layers": [8]}, "tower": [4]},
        "train": SHORT,
    }


def trained(recipe: dict[str, Any], folder: Path, *, alone: bool = False) -> Run:
    """Train a recipe whose tables lie in `folder` for a moment."""
    from plait.run.job import train

    return train(recipe, folder / "run", base=folder, alone=alone)
