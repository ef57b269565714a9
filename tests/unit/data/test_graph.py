"""Graph features: lists against an oracle, what is hidden from whom, rows from outside, the way to the disk and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from plait.data.apply import apply
from plait.data.batches import block, gather
from plait.data.check import check
from plait.data.columns import Prepared
from plait.data.graph import lists
from plait.data.prepare import load, prepare
from plait.errors import RecipeError
from plait.recipe import load_recipe
from support.knowledge import FILMS, write_knowledge

fact = st.tuples(st.integers(0, 4), st.integers(0, 2), st.integers(0, 5), st.booleans())


@settings(max_examples=150, deadline=None)
@given(facts=st.lists(fact, max_size=40), most=st.integers(1, 4), seed=st.integers(0, 3))
def test_lists_equal_the_oracle(facts: list[tuple[int, int, int, bool]], most: int, seed: int) -> None:
    heads, kinds, tails, counts = (np.array([f[i] for f in facts], dtype=np.int32) for i in range(4))
    starts, to, of = lists(heads, tails, kinds, counts.astype(bool), 4, most, (seed, "a.b"))
    again = lists(heads[::-1], tails[::-1], kinds[::-1], counts[::-1].astype(bool), 4, most, (seed, "a.b"))
    assert starts.tolist() == again[0].tolist()
    assert to.tolist() == again[1].tolist(), "which facts stay does not depend on their order in the file"
    assert len(starts) == 6
    for row in range(5):
        whole = {(r, t) for h, r, t, there in facts if h == row > 0 and t > 0 and there}
        kept = list(zip(of[starts[row] : starts[row + 1]].tolist(), to[starts[row] : starts[row + 1]].tolist(), strict=True))
        assert len(kept) == len(set(kept)) == min(most, len(whole))
        assert set(kept) <= whole


def known(prepared: Prepared, film: int) -> set[tuple[str, str]]:
    """Return what gathering says of a film, in words."""
    around = block(prepared, "films", torch.tensor([film])).around["films.known"]
    return in_words(prepared, around, 0)


def in_words(prepared: Prepared, around: Any, place: int) -> set[tuple[str, str]]:
    things, kinds = prepared.plan.ids["thing"], prepared.plan.codes["films.known"]
    there = around.positions[place] > 0
    tails = things.decode(around.block.rows[around.positions[place][there]].numpy()).to_pylist()
    return set(zip(kinds.decode(around.relations[place][there].numpy()).to_pylist(), tails, strict=True))


def table_of(folder: Path) -> list[tuple[str, str, str]]:
    rows = pq.read_table(folder / "facts.parquet").to_pylist()
    return [(row["film_id"], row["relation"], row["thing"]) for row in rows]


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Prepared]:
    folder = tmp_path_factory.mktemp("linked")
    values = write_knowledge(folder, most=16)
    return folder, prepare(load_recipe(values).schema_, folder, folder / "cache")


def test_a_plain_column_of_tails_becomes_a_table(tmp_path: Path) -> None:
    recipe = load_recipe(write_knowledge(tmp_path))
    assert recipe.tables["thing"].of == "facts.thing"
    assert recipe.tables["facts"].keys == {"film_id": "films", "thing": "thing"}
    again = load_recipe({**recipe.model_dump(mode="json")})
    assert again == recipe


def test_all_facts_are_known_where_no_task_predicts_them(tmp_path: Path) -> None:
    values = write_knowledge(tmp_path, link=False, most=16)
    prepared = prepare(load_recipe(values).schema_, tmp_path, tmp_path / "cache")
    for number, film in enumerate(FILMS, 1):
        assert known(prepared, number) == {(r, t) for f, r, t in table_of(tmp_path) if f == film}
    assert known(prepared, 0) == known(prepared, 30) == set()


def test_only_training_facts_are_known_where_a_task_predicts_them(linked: tuple[Path, Prepared]) -> None:
    folder, prepared = linked
    part = prepared.tables["facts"].part[1:].tolist()
    assert {1, 2, 3} == set(part)
    rows = table_of(folder)
    for number, film in enumerate(FILMS, 1):
        assert known(prepared, number) == {(r, t) for (f, r, t), p in zip(rows, part, strict=True) if f == film and p == 1}


def test_an_example_never_sees_the_fact_that_it_is(linked: tuple[Path, Prepared]) -> None:
    folder, prepared = linked
    rows = table_of(folder)
    part = prepared.tables["facts"].part[1:].tolist()
    batch = gather(prepared, "facts", torch.arange(1, len(rows) + 1))
    seen = 0
    for place, (film, kind, thing) in enumerate(rows):
        found = in_words(prepared, batch.roles["films"].around["films.known"], place)
        whole = {(r, t) for (f, r, t), p in zip(rows, part, strict=True) if f == film and p == 1}
        assert found == whole - {(kind, thing)}
        seen += len(found)
    assert seen > len(rows)


def test_examples_of_other_tables_see_all_that_is_known(linked: tuple[Path, Prepared]) -> None:
    _, prepared = linked
    batch = gather(prepared, "ratings", torch.arange(1, 50))
    for place in range(49):
        film = int(batch.roles["films"].rows[place])
        assert in_words(prepared, batch.roles["films"].around["films.known"], place) == known(prepared, film)
    assert set(batch.pasts["users.recent"].block.around) == {"films.known"}


def test_each_neighbour_is_gathered_once(linked: tuple[Path, Prepared]) -> None:
    _, prepared = linked
    around = gather(prepared, "ratings", torch.arange(1, 200)).roles["films"].around["films.known"]
    assert around.block.rows[0] == 0
    assert len(around.block.rows.unique()) == len(around.block.rows) <= 12
    assert around.block.around == {}


def test_rows_from_outside_are_known_by_their_id(linked: tuple[Path, Prepared]) -> None:
    _, prepared = linked
    rows = pa.table({"film_id": [FILMS[2], "never seen", FILMS[0]], "genres": ["drama"] * 3})
    around = (
        gather(prepared, "films", torch.arange(1, 4), apply(prepared, "films", rows)).roles["films"].around["films.known"]
    )
    assert [in_words(prepared, around, place) for place in range(3)] == [known(prepared, 3), set(), known(prepared, 1)]


def test_a_labelled_fact_from_outside_is_hidden_from_itself(linked: tuple[Path, Prepared]) -> None:
    folder, prepared = linked
    part = prepared.tables["facts"].part[1:].tolist()
    film, kind, thing = next(row for row, p in zip(table_of(folder), part, strict=True) if p == 1)
    rows = pa.table({"film_id": [film] * 2, "relation": [kind, "unheard of"], "thing": [thing] * 2})
    batch = gather(prepared, "facts", torch.arange(1, 3), apply(prepared, "facts", rows))
    whole = known(prepared, FILMS.index(film) + 1)
    around = batch.roles["films"].around["films.known"]
    assert in_words(prepared, around, 0) == whole - {(kind, thing)}
    assert in_words(prepared, around, 1) == whole


def test_what_is_written_is_read_back(linked: tuple[Path, Prepared]) -> None:
    _, prepared = linked
    read = load(prepared.folder)
    mine, other = prepared.graphs["films.known"], read.graphs["films.known"]
    assert mine.keys == other.keys
    for one, two in ((mine.starts, other.starts), (mine.tails, other.tails), (mine.relations, other.relations)):
        assert torch.equal(one, two) and one.dtype == two.dtype
    assert torch.equal(prepared.tables["facts"].relations["films.known"], read.tables["facts"].relations["films.known"])


def test_labels_are_not_read_of_neighbours(tmp_path: Path) -> None:
    values = write_knowledge(tmp_path, link=False)
    rng = np.random.default_rng(1)
    pairs = pa.table({"one": rng.choice(FILMS, 90), "other": rng.choice(FILMS, 90)})
    pq.write_table(pairs, tmp_path / "like_it.parquet")
    values["tables"]["like_it"] = {"source": "like_it.parquet", "keys": {"one": "films", "other": "films"}}
    values["features"]["films.alike"] = {"kind": "graph", "of": "like_it.other"}
    prepared = prepare(load_recipe(values).schema_, tmp_path, tmp_path / "cache")
    layout = {f.name: f for f in prepared.layout.tables["films"].features}
    assert layout["films.alike"].unread == ["films.genres"]
    assert layout["films.known"].unread == []
    assert prepared.graphs["films.alike"].keys.head == "one"


@pytest.mark.parametrize(
    ("graph", "words"),
    [
        ({"of": "fact.thing"}, "there is no table `fact`. Did you mean `facts`?"),
        (
            {"of": "facts.thing", "head": "thing"},
            "key of table `facts` that points at `films` and is not `thing`",
        ),
        ({"of": "facts.film_id"}, "should have a key to `films` beside `film_id`"),
    ],
)
def test_a_graph_that_cannot_be_says_why(tmp_path: Path, graph: dict[str, Any], words: str) -> None:
    values = write_knowledge(tmp_path)
    values["features"]["films.known"] = {"kind": "graph", **graph}
    with pytest.raises(RecipeError) as caught:
        load_recipe(values)
    assert words in str(caught.value)


def test_the_check_says_what_is_known(linked: tuple[Path, Prepared]) -> None:
    folder, prepared = linked
    told = check(prepared.plan.schema, folder)
    assert not [f.message for f in told if f.status == "FAIL"]
    found = [f for f in told if f.name == "graph"]
    assert [f.status for f in found] == ["PASS", "PASS"]
    assert found[0].message == "124 facts of 2 kinds about 28 of 30 rows"
    assert "only facts of its training part are known" in found[1].message


def test_the_check_speaks_up_about_facts_that_tell_a_label_or_look_ahead(tmp_path: Path) -> None:
    values = write_knowledge(tmp_path, link=False)
    rows = [(film, genre) for film in FILMS[:20] for genre in ("drama", "western")]
    told = {"film": [f for f, _ in rows], "of": [g for _, g in rows], "at": list(range(len(rows)))}
    pq.write_table(pa.table(told), tmp_path / "kinds.parquet")
    values["tables"]["kinds"] = {"source": "kinds.parquet", "time": "at", "keys": {"film": "films"}}
    values["features"] |= {"films.kind": {"kind": "graph", "of": "kinds.of"}, "of.of": "id"}
    values["tasks"]["genre"]["inputs"] = ["films"]
    found = {f.message for f in check(load_recipe(values).schema_, tmp_path) if f.name == "graph" and f.status == "WARN"}
    assert any("has a time (`at`), and facts count whenever they happened" in message for message in found)
    assert any(message.startswith("says what task `genre` has to find: 10 of 31 labels") for message in found)
    values["tasks"]["genre"]["inputs"] = ["films.film_id"]
    found = {f.message for f in check(load_recipe(values).schema_, tmp_path) if f.name == "graph" and f.status == "WARN"}
    assert not any("has to find" in message for message in found)


def test_the_check_speaks_up_about_facts_turned_round(tmp_path: Path) -> None:
    values = write_knowledge(tmp_path, link=False)
    one = [FILMS[i] for i in range(30) for _ in range(4)]
    other = [FILMS[(i + k) % 30] for i in range(30) for k in (1, 29, 2, 28)]
    pq.write_table(pa.table({"one": one, "other": other}), tmp_path / "like_it.parquet")
    values["tables"]["like_it"] = {"source": "like_it.parquet", "keys": {"one": "films", "other": "films"}}
    values["features"]["films.alike"] = {"kind": "graph", "of": "like_it.other"}
    values["tasks"]["alike"] = {"table": "like_it", "kind": "retrieval", "label": "other"}
    found = [f for f in check(load_recipe(values).schema_, tmp_path) if f.name == "graph"]
    assert [f.status for f in found] == ["PASS", "PASS", "WARN"]
    assert "do turned round" in found[2].message
