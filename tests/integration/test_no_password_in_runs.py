"""A run of a database with a password, and its bundle: no file of them holds it, and a recipe that does is refused first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from plait.errors import RecipeError
from plait.export.command import export
from plait.run.job import train

PASSWORD = "s3c:r@t/pw"
FORMS = (PASSWORD.encode(), b"s3c%3Ar%40t%2Fpw")


class Server:
    """What `ibis.connect` gives back: the tables of a shop."""

    def __init__(self) -> None:
        draw = np.random.default_rng(3)
        people, things = draw.integers(0, 12, 300), draw.integers(0, 8, 300)
        self._tables = {
            "people": {"person": np.arange(12), "age": draw.uniform(20, 70, 12)},
            "things": {"thing": np.arange(8), "price": draw.uniform(1, 9, 8)},
            "events": {"person": people, "thing": things, "like": (things + people) % 2},
        }
        self._asked = ""
        self.urls: list[str] = []

    def connect(self, url: str) -> Server:
        self.urls.append(url)
        return self

    def list_tables(self) -> list[str]:
        return list(self._tables)

    def table(self, name: str) -> Server:
        self._asked = name
        return self

    def to_pyarrow(self) -> pa.Table:
        return pa.table(self._tables[self._asked])


def recipe(password: str) -> dict[str, Any]:
    url = f"postgresql://shop:{password}@host/shop"
    return {
        "name": "shop",
        "tables": {
            "events": {"source": f"{url}#events", "keys": {"person": "people", "thing": "things"}},
            "people": {"source": f"{url}#people", "id": "person"},
            "things": {"source": f"{url}#things", "id": "thing"},
        },
        "features": {"people.age": "number", "things.price": "number"},
        "tasks": {"like": {"table": "events", "kind": "binary", "label": "like"}},
        "split": {"by": "random"},
        "train": {"epochs": 1, "batch": 64},
    }


def holding(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and any(form in path.read_bytes() for form in FORMS)]


def test_no_file_of_a_run_or_a_bundle_holds_the_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server()
    monkeypatch.setattr("ibis.connect", server.connect)
    monkeypatch.setenv("SHOP_PW", PASSWORD)
    monkeypatch.chdir(tmp_path)
    run = train(recipe("${SHOP_PW}"), tmp_path / "run", base=tmp_path, alone=False)
    export(run, tmp_path / "bundle")
    assert set(server.urls) == {"postgresql://shop:s3c%3Ar%40t%2Fpw@host/shop"}
    assert holding(tmp_path) == []
    assert "${SHOP_PW}" in (tmp_path / "bundle" / "run" / "recipe.yaml").read_text()
    again = train(tmp_path / "run" / "recipe.yaml", tmp_path / "again", alone=False)
    assert again.recipe == run.recipe, "trained from the run's own recipe, with the variable"


def test_a_recipe_with_the_password_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="should hold no password"):
        train(recipe(PASSWORD), tmp_path / "run", base=tmp_path, alone=False)
    assert holding(tmp_path) == []
