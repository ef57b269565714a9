"""The commented recipe that a guess becomes: it loads, prepares and passes its own checks as it stands."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from plait.data.check import check, lines
from plait.data.infer import infer
from plait.data.infer.recipe import write_recipe
from plait.data.prepare import prepare
from plait.errors import DataError
from plait.progress import Tell
from plait.recipe import load_recipe

REAL = ["hillstrom", "census_income", "movielens_small", "amazon_instruments", "chorus_search", "beibei_behaviours"]


class _NoWords:
    """Stands for a text encoder."""

    dim = 4
    fingerprint = "none"

    def __call__(self, texts: list[str], tell: Tell | None = None) -> np.ndarray:
        return np.zeros((len(texts), self.dim), dtype=np.float16)


@pytest.mark.parametrize("name", REAL)
def test_recipes_of_real_tables_load_prepare_and_pass(shared_data: Path, tmp_path: Path, name: str) -> None:
    folder = shared_data / name
    path = tmp_path / "recipe.yaml"
    path.write_text(write_recipe(infer(folder), tmp_path), encoding="utf-8")
    recipe = load_recipe(path)
    findings = check(recipe.schema_, tmp_path)
    assert not [found for found in findings if found.status == "FAIL"], lines(findings)
    prepared = prepare(recipe.schema_, tmp_path, tmp_path / "cache", _NoWords())
    assert set(prepared.layout.tasks) == set(recipe.tasks)
    assert all(len(prepared.rows(task, "train")) for task in recipe.tasks)


def test_every_guess_says_why(shared_data: Path, tmp_path: Path) -> None:
    text = write_recipe(infer(shared_data / "movielens_small"), tmp_path)
    assert "  movies.title: text " in text and "9,123 different texts of 4 words; or: category" in text
    assert "the label of `stars`, so no input to tasks on this table" in text
    assert "# Left out: links.parquet: no task reads it" in text
    assert "# key movieId -> movies" in text and "100.0% of its values are in `movies.movieId`" in text
    assert "like: {table: ratings, kind: binary, label: rating >= 4, group: userId}  # 51." in text
    assert "# or by user: all rows of a user on one side" in text
    features = yaml.safe_load(text)["features"]
    written = [line for line in text.splitlines() if line.strip().split(":")[0] in features]
    assert len(written) == len(features) and all("#" in line for line in written)


def test_possible_tasks_are_comments_that_work_when_opened(shared_data: Path, tmp_path: Path) -> None:
    text = write_recipe(infer(shared_data / "bank_marketing"), tmp_path)
    assert "# Others that are possible; their columns then are no inputs to tasks on the same table:" in text
    names = ("default", "housing", "loan", "contact", "marital", "education")
    closed = tuple(f"  # {name}:" for name in names)
    opened = "\n".join(f"  {line[4:]}" if line.startswith(closed) else line for line in text.splitlines())
    (tmp_path / "recipe.yaml").write_text(opened)
    recipe = load_recipe(tmp_path / "recipe.yaml")
    assert set(names) < set(recipe.tasks)
    findings = check(recipe.schema_, tmp_path)
    assert {found.column for found in findings if found.status == "FAIL"} <= {"default"}  # three rows say yes


def test_sources_are_relative_to_the_recipe(shared_data: Path, tmp_path: Path) -> None:
    shutil.copytree(shared_data / "hillstrom", tmp_path / "tables")
    guess = infer(tmp_path / "tables")
    assert yaml.safe_load(write_recipe(guess))["tables"]["email"]["source"] == "email.parquet"
    assert yaml.safe_load(write_recipe(guess, tmp_path))["tables"]["email"]["source"] == "tables/email.parquet"
    (tmp_path / "recipes").mkdir()
    assert (
        yaml.safe_load(write_recipe(guess, tmp_path / "recipes"))["tables"]["email"]["source"] == "../tables/email.parquet"
    )


def test_strange_names_and_values_stay_one_line_of_yaml(tmp_path: Path) -> None:
    rows = 200
    columns = {
        "yes": [f"{'a' if i % 2 else 'b'}\n# not: a comment" for i in range(rows)],
        "a: b, {c}": np.linspace(0, 1, rows),
        "'quoted' \"twice\"": [i % 4 for i in range(rows)],
        "标签": [i % 2 for i in range(rows)],
        "null": [f"w{i % 5}\u2028x" for i in range(rows)],
    }
    pq.write_table(pa.table(columns), tmp_path / "on.parquet")
    text = write_recipe(infer(tmp_path))
    (tmp_path / "recipe.yaml").write_text(text, encoding="utf-8")
    recipe = load_recipe(tmp_path / "recipe.yaml")
    assert set(recipe.tables) == {"on"}
    assert {place.partition(".")[2] for place in recipe.features} == set(columns)
    assert "标签" in recipe.tasks
    assert not [found for found in check(recipe.schema_, tmp_path) if found.status == "FAIL"]


def test_nothing_to_predict(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": np.linspace(0, 1, 90), "b": np.arange(90) * 0.3}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"should have at least one task, and no column of \['t'\] looks like something"):
        write_recipe(infer(tmp_path))


def test_a_label_that_never_changes_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": np.linspace(0, 1, 90), "label": np.zeros(90, np.int64)}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"`t\.label` is no task: the same value in every row \(0\)"):
        write_recipe(infer(tmp_path))
