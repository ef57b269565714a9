"""Questions that several examples ask, and the other right answers to each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from plait.data.apply import apply
from plait.data.engine import Engine
from plait.data.prepare import load, prepare
from plait.data.questions import Answers, question_numbers
from plait.errors import DataError, RecipeError
from plait.recipe import load_recipe
from plait.run.build import build_model
from plait.run.outcomes import Scorer
from support.knowledge import write_knowledge
from support.prepared import shop


def test_the_same_values_are_the_same_question_in_any_table() -> None:
    with Engine(Path()) as engine:
        engine.add("a", pa.table({"head": [1, 1, 2, None], "kind": ["x", "x", "x", "x"]}))
        engine.add("b", pa.table({"head": [2.0, 1.0], "kind": ["x", "y"]}))
        a = question_numbers(engine, "a", ["head", "kind"], "who").tolist()
        b = question_numbers(engine, "b", ["head", "kind"], "who").tolist()
        assert a[0] == a[4] == 0 and a[1] == a[2] != a[3]
        assert b == [0, a[3], b[2]] and b[2] not in a
        with pytest.raises(DataError, match="there should be a column `hea`"):
            question_numbers(engine, "a", ["hea"], "`filtered` of task `link`")


@settings(max_examples=60, deadline=None)
@given(facts=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), min_size=1, max_size=20))
def test_other_answers_equal_the_oracle(facts: list[tuple[int, int]]) -> None:
    questions = torch.tensor([0, *(q for q, _ in facts)])
    answers = torch.tensor([0, *(a for _, a in facts)])
    label = torch.full((len(facts) + 1, 1), 1.0)
    columns = replace(shop().tables["ratings"], questions={"t": questions}, labels={"t": label})
    which, found = Answers(columns, "t", answers).others(questions[1:], answers[1:])
    for place, (question, own) in enumerate(facts):
        want = {a for q, a in facts if q == question > 0 and a not in (0, own)}
        assert sorted(found[which == place].tolist()) == sorted(want)
    assert which.tolist() == sorted(which.tolist())


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("linked")
    values = write_knowledge(folder)
    values["tasks"]["link"]["filtered"] = ["film_id", "relation"]
    recipe = load_recipe(values)
    prepared = prepare(recipe.schema_, folder, folder / "cache")
    return prepared, build_model(recipe, prepared.layout)


def test_filtered_places_equal_the_oracle(linked) -> None:
    prepared, model = linked
    columns = prepared.tables["facts"]
    scorer = Scorer(model, prepared, torch.device("cpu"))
    found = scorer.outcomes("test")["link"]
    raw = replace(prepared, tables={**prepared.tables, "facts": replace(columns, questions={})})
    unfiltered = Scorer(model, raw, torch.device("cpu")).outcomes("test")["link"]
    film, thing = (columns.matrix[:, columns.layout.keys[key]].tolist() for key in ("film_id", "thing"))
    kind = columns.relations["films.known"].tolist()
    rows = prepared.rows("link", "test")
    queries = scorer.outputs("facts", rows, ["link"])["link"]
    with torch.no_grad():
        scores = model.head("link").scores(queries, scorer.candidates("link"))
    lowered = 0
    for place, row in enumerate(rows.tolist()):
        same = {thing[r] for r in range(1, len(film)) if (film[r], kind[r]) == (film[row], kind[row])} - {thing[row]}
        for left_out, got in ((same, found.rank[place]), (set(), unfiltered.rank[place])):
            counts = [scores[place, c] - scores[place, thing[row]] for c in range(1, 12) if c not in left_out]
            assert got == 1 + sum(d > 0 for d in counts) + (sum(d == 0 for d in counts) - 1) // 2
        lowered += found.rank[place] < unfiltered.rank[place]
    assert lowered > 0


def test_questions_of_other_rows_are_those_of_the_prepared_ones(linked) -> None:
    prepared, _ = linked
    kept = load(prepared.folder).tables["facts"].questions["link"]
    assert torch.equal(kept, prepared.tables["facts"].questions["link"])
    rows = pa.table({"film_id": ["f/0 é", "nobody"], "relation": ["genre", "genre"], "thing": ["a", "b"]})
    found = apply(prepared, "facts", rows).questions["link"]
    assert bool((kept == found[1]).any()) and not bool((kept == found[2]).any())


def test_only_retrieval_is_filtered(tmp_path: Path) -> None:
    values = write_knowledge(tmp_path)
    values["tasks"]["like"]["filtered"] = ["film_id"]
    with pytest.raises(RecipeError, match="Found .'film_id'. in a task of kind binary"):
        load_recipe(values)
