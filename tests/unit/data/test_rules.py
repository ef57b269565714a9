"""Rules read, evaluated on examples and on new rows, kept and read back, and refused with reasons."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from plait.data.apply import apply
from plait.data.batches import gather
from plait.data.check import check
from plait.data.columns import Prepared
from plait.data.prepare import load, prepare
from plait.errors import DataError, RecipeError
from plait.recipe import load_recipe
from support.films import write_films

RULES: dict[str, Any] = {
    "young": {"table": "ratings", "task": "like", "rule": "not (users.age < 30 and films.genres = 'comedy')"},
    "own": {"task": "stars_many", "rule": "stars < 5 OR USERS.age >= 40", "classes": 5},
    "shown": {"task": "next", "rule": "users.age >= 30 OR films.genres <> 'comedy'"},
    "film": {"task": "genre", "rule": "length(title) < 100", "classes": ["drama", "crime"]},
}


def described(folder: Path, **rules: Any) -> dict[str, Any]:
    values = write_films(folder)
    values["tasks"]["stars_many"] = {"table": "ratings", "kind": "multiclass", "label": "stars"}
    return {**values, "rules": rules or RULES}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Prepared]:
    folder = tmp_path_factory.mktemp("films")
    return folder, prepare(load_recipe(described(folder)).schema_, folder, folder / "cache")


def tables(folder: Path) -> tuple[list[dict], dict, dict]:
    read = {name: pq.read_table(folder / f"{name}.parquet").to_pylist() for name in ("ratings", "users", "films")}
    users = {row["user_id"]: row for row in read["users"]}
    return read["ratings"], users, {row["film_id"]: row for row in read["films"]}


def test_outcomes_equal_the_oracle(made: tuple[Path, Prepared]) -> None:
    folder, prepared = made
    ratings, users, films = tables(folder)
    rules = prepared.tables["ratings"].rules
    young = [users[r["user_id"]]["age"] < 30 and films[r["film_id"]]["genres"] == "comedy" for r in ratings]
    assert rules["young"].outcome().tolist() == [False, *young]
    assert any(young)
    own = [not (r["stars"] < 5 or users[r["user_id"]]["age"] >= 40) for r in ratings]
    assert rules["own"].outcome().tolist() == [False, *own]
    film = prepared.tables["films"].rules["film"].outcome().tolist()
    assert film == [False, *(len(f["title"]) >= 100 for f in films.values())]
    assert set(rules) == {"young", "own", "shown"}


def test_pairs_equal_the_oracle(made: tuple[Path, Prepared]) -> None:
    folder, prepared = made
    ratings, users, films = tables(folder)
    ruled, kinds = prepared.tables["ratings"].rules["shown"], prepared.rule_kinds["shown"]
    found = ruled.at(torch.arange(1, 60)).pairs(kinds)
    for place in range(59):
        age = users[ratings[place]["user_id"]]["age"]
        # A film without genres: NULL, so nothing is forbidden.
        assert found[place, 1:].tolist() == [not (age >= 30 or f["genres"] != "comedy") for f in films.values()]
    assert ruled.forbidden.shape[1] == len({f["genres"] for f in films.values()}), (
        "rows a rule cannot tell apart are one kind"
    )


def test_batches_carry_what_is_forbidden(made: tuple[Path, Prepared]) -> None:
    _, prepared = made
    batch = gather(prepared, "ratings", torch.tensor([7, 3, 0])).to(torch.device("cpu"))
    known = prepared.tables["ratings"].rules
    assert set(batch.rules) == {"young", "own", "shown"}
    assert batch.rules["young"].outcome().tolist() == known["young"].outcome()[[7, 3, 0]].tolist()
    assert gather(prepared, "ratings", torch.arange(0)).rules["shown"].kinds.shape == (0,)


def test_what_is_written_is_read_back(made: tuple[Path, Prepared]) -> None:
    _, prepared = made
    read = load(prepared.folder)
    assert read.layout.rules == prepared.layout.rules
    assert read.layout.rules["film"].classes == [prepared.layout.tasks["genre"].classes.index(c) for c in ("drama", "crime")]
    for table, columns in prepared.tables.items():
        for name, ruled in columns.rules.items():
            other = read.tables[table].rules[name]
            assert torch.equal(ruled.kinds, other.kinds) and torch.equal(ruled.forbidden, other.forbidden)
    assert torch.equal(read.rule_kinds["shown"], prepared.rule_kinds["shown"])


def test_new_rows_are_judged_like_prepared_ones(made: tuple[Path, Prepared]) -> None:
    folder, prepared = made
    columns = apply(prepared, "ratings", pq.read_table(folder / "ratings.parquet").slice(0, 80))
    known = prepared.tables["ratings"].rules
    for name in ("young", "own"):
        assert columns.rules[name].outcome().tolist() == known[name].outcome()[:81].tolist()
    rows, kinds = torch.arange(1, 81), prepared.rule_kinds["shown"]
    assert torch.equal(columns.rules["shown"].at(rows).pairs(kinds), known["shown"].at(rows).pairs(kinds))


def test_what_is_not_known_of_a_new_row_forbids_nothing(made: tuple[Path, Prepared]) -> None:
    _, prepared = made
    rows = pa.table({"user_id": [999, 999], "film_id": ["f/1 é", None]})
    found = apply(prepared, "ratings", rows).rules
    assert not found["young"].outcome().any() and not found["own"].outcome().any()
    assert not found["shown"].at(torch.tensor([1, 2])).pairs(prepared.rule_kinds["shown"]).any()
    assert apply(prepared, "ratings", rows.slice(0, 0)).rules["shown"].kinds.shape == (1,)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"task": "lik", "rule": "stars > 1"}, "`task` should be one of"),
        ({"task": "lik", "rule": "stars > 1"}, "Found `lik`. Did you mean `like`?"),
        ({"task": "stars", "rule": "stars > 1"}, "should be of one of the kinds binary, multiclass"),
        ({"task": "like", "rule": "stars > 1", "table": "films"}, "`table` should be that of task `like`, `ratings`"),
        ({"task": "like", "rule": "stars > 1", "classes": "yes"}, "for a task of kind binary, `classes` should be left out"),
        ({"task": "genre", "rule": "title = ''"}, "for a task of kind multilabel, `classes` should name the forbidden ones"),
    ],
)
def test_a_rule_that_fits_no_task_is_refused(tmp_path: Path, rule: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe(described(tmp_path, odd=rule))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"task": "like", "rule": "user.age > 3"}, "no key of `ratings` leads to a table `user`. Found"),
        ({"task": "like", "rule": "users.ages > 3"}, "there should be a column `ages` in table `users`"),
        ({"task": "like", "rule": "1 = 1"}, "should name a column. Found none"),
        ({"task": "like", "rule": "stars +"}, "should be an SQL condition. It cannot be read"),
        ({"task": "like", "rule": "max(stars) > 1"}, "with one value per row, no statement"),
        ({"task": "like", "rule": "stars + 1"}, "should be a condition, true or false. Found"),
        ({"task": "next", "rule": "users.age > 3"}, "so it should name a column of `films`"),
        ({"task": "genre", "rule": "title <> ''", "classes": "dramas"}, "Found `dramas`. Did you mean `drama`?"),
    ],
)
def test_a_rule_that_cannot_be_evaluated_says_why(tmp_path: Path, rule: dict[str, Any], words: str) -> None:
    schema = load_recipe(described(tmp_path, odd=rule)).schema_
    with pytest.raises((RecipeError, DataError)) as caught:
        prepare(schema, tmp_path, tmp_path / "cache")
    assert words in str(caught.value)
    found = [f for f in check(schema, tmp_path) if f.name == "rule"]
    assert [f.status for f in found] == ["FAIL"]
    assert words in found[0].message


def test_the_check_counts_labels_that_break_a_rule(made: tuple[Path, Prepared]) -> None:
    folder, prepared = made
    ratings, users, films = tables(folder)
    found = {f.column: f for f in check(prepared.plan.schema, folder) if f.name == "rule"}
    assert set(found) == set(RULES)
    young = [r for r in ratings if users[r["user_id"]]["age"] < 30 and films[r["film_id"]]["genres"] == "comedy"]
    broken = sum(r["stars"] >= 4 for r in young)
    assert f"to {len(young)} of 900 labelled rows; {broken} labels break it" in found["young"].message
    assert found["young"].status == "WARN"
    assert f"{len(young)} labels break it" in found["shown"].message
    never = load_recipe(described(folder, never={"task": "like", "rule": "stars < 99"})).schema_
    assert "It never applies" in next(f for f in check(never, folder) if f.name == "rule").message
