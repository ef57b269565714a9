"""Explanations of a trained run: causes that were planted come first, Captum agrees, and what was told since is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from plait.serve.ask.questions import ExplainAsked, FeedbackAsked, HistoryAsked, ItemsAsked

if TYPE_CHECKING:
    from pathlib import Path

    from plait.export.bundle import Bundle
    from plait.run.run import Run
    from plait.serve.service import Service


def planted(folder: Path) -> dict[str, Any]:
    """Write events in which the colour of a thing decides `like`, the age of a person `spend`, and luck is for nothing."""
    draw = np.random.default_rng(5)
    people, things, events = 60, 40, 4_000
    age = draw.uniform(20, 70, people)
    colour = draw.choice(["red", "blue"], things)
    who, what = draw.integers(0, people, events), draw.integers(0, things, events)
    like = (draw.random(events) < np.where(colour[what] == "red", 0.95, 0.05)).astype(int)
    tables = {
        "people": {"person": np.arange(people), "age": age, "luck": draw.choice(["a", "b", "c"], people)},
        "things": {"thing": np.arange(things), "colour": colour, "shape": draw.choice(["round", "square"], things)},
        "events": {"person": who, "thing": what, "like": like, "spend": age[who] / 10 + draw.normal(0, 0.1, events)},
    }
    for name, columns in tables.items():
        pq.write_table(pa.table(columns), folder / f"{name}.parquet")
    return {
        "name": "planted",
        "tables": {
            "events": {"source": "events.parquet", "keys": {"person": "people", "thing": "things"}},
            "people": {"source": "people.parquet", "id": "person"},
            "things": {"source": "things.parquet", "id": "thing"},
        },
        "features": {
            "people.person": "ignore",
            "things.thing": "ignore",
            "people.age": "number",
            "people.luck": "category",
            "things.colour": "category",
            "things.shape": "category",
        },
        "tasks": {
            "like": {"table": "events", "kind": "binary", "label": "like"},
            "spend": {"table": "events", "kind": "regression", "label": "spend"},
        },
        "split": {"by": "random"},
        "train": {"epochs": 12, "batch": 256, "learning_rate": 0.01},
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    from plait.run.job import train

    folder = tmp_path_factory.mktemp("planted")
    return train(planted(folder), folder / "run", base=folder, alone=False)


@pytest.fixture(scope="module")
def explainer(run: Run) -> Service:
    from plait.export.bundle import load_bundle
    from plait.serve.service import Service

    return Service(load_bundle(run.folder))


def test_what_decides_comes_first_and_what_does_not_is_nothing(explainer: Service) -> None:
    rights = 0
    for user in range(0, 60, 7):
        for item in range(0, 40, 7):
            why = explainer.explain(ExplainAsked(user=str(user), item=str(item))).why
            effects = {one.feature: one.effect for one in why["like"].effects}
            assert why["like"].effects[0].feature == "things.colour"
            assert abs(effects["people.luck"]) < 0.1 * abs(effects["things.colour"])
            assert (effects["things.colour"] > 0) == (why["like"].effects[0].value == "red")
            # Without a colour the model says a little less than the mean, so that only red things turn.
            turned = why["like"].turned
            assert turned is None or "things.colour" in [one.feature for one in turned]
            assert turned is not None or why["like"].effects[0].value == "blue"
            rights += why["spend"].effects[0].feature == "people.age"
    assert rights >= 45, "of 54; somebody of the mean age is as if the age were not known"


def test_captum_agrees(run: Run) -> None:
    attr = pytest.importorskip("captum.attr", reason="captum is a development dependency")
    from plait.explain.ablation import ablate
    from plait.export.backend import Asker
    from plait.export.bundle import load_bundle
    from plait.serve.ask.features import Parts

    bundle = load_bundle(run.folder)
    for user, item in ((3, 9), (0, 4), (17, 30)):
        parts = Parts(bundle, Asker(user), item)
        ours = ablate(parts.score, len(parts.parts))
        for place in range(len(parts.tasks)):
            ablation = attr.FeatureAblation(lambda rows, p=parts, at=place: p.score(rows > 0.5)[:, at])
            theirs = ablation.attribute(torch.ones(1, len(parts.parts)))[0]
            torch.testing.assert_close(ours.effects[:, place], theirs, atol=1e-5, rtol=1e-5)


def test_scores_are_those_of_the_answer(explainer: Service) -> None:
    said = explainer.explain(ExplainAsked(user="3", item="9"))
    assert {task: cause.score for task, cause in said.why.items()} == pytest.approx(said.tasks, abs=1e-5)
    assert said.degraded == []
    values = {one.feature: one.value for one in said.why["like"].effects}
    assert values["things.colour"] in ("red", "blue")
    assert values["people.luck"] in ("a", "b", "c")


def test_what_was_told_and_added_since_is_known(told: Service, films_bundle: Bundle) -> None:
    before = told.explain(ExplainAsked(user="40", item="f/3 é"))
    assert not any(one.item for one in before.why["like"].effects)
    told.feedback(FeedbackAsked(user="40", item="f/7 é", kind="click"))
    after = told.explain(ExplainAsked(user="40", item="f/3 é"))
    assert [one.item for one in after.why["like"].effects if one.item] == ["f/7 é"]
    assert {task: cause.score for task, cause in after.why.items()} == pytest.approx(after.tasks, abs=1e-5)


def test_an_item_that_was_added_is_explained(films_run: Run) -> None:
    from plait.export.bundle import load_bundle
    from plait.serve.service import Service

    service = Service(load_bundle(films_run.folder))
    service.add_items(ItemsAsked(rows=[{"film_id": "new", "title": "A new film", "genres": "drama"}]))
    said = service.explain(ExplainAsked(user="5", item="new"))
    assert said.degraded == []
    assert {one.feature: one.value for one in said.why["like"].effects}["films.genres"] == "drama"


def test_the_command_says_what_the_service_says(explainer: Service, run: Run) -> None:
    from plait.serve.explained import explain_item

    lines, data = explain_item(run.folder, "3", "9")
    said = explainer.explain(ExplainAsked(user="3", item="9"))
    for task, cause in said.why.items():
        assert data["why"][task] == cause.model_dump()  # type: ignore[index]
    assert any("things.colour = " in line for line in lines)


def test_only_items_that_the_model_reads_are_a_reason(told: Service) -> None:
    """The model reads the last five of a history of thirty."""
    history = told.history(HistoryAsked(user="1", count=5))
    read = {one.item for one in history.items}
    said = told.explain(ExplainAsked(user="1", item="f/3 é"))
    assert {one.item for one in said.because} <= read
    assert len(said.because) == 3 and all(one.without for one in said.because)
    for number in range(6, 12):
        told.feedback(FeedbackAsked(user="1", item=f"f/{number} é", kind="click"))
    said = told.explain(ExplainAsked(user="1", item="f/3 é"))
    assert {one.item for one in said.because} <= {f"f/{number} é" for number in range(7, 12)}


def test_a_list_as_it_would_be_is_explained_as_such(told: Service) -> None:
    asked = {"user": "1", "item": "f/3 é"}
    gone = [one.item for one in told.history(HistoryAsked(user="1", count=5)).items]
    said = told.explain(ExplainAsked.model_validate({**asked, "without": gone, "formula": "stars^2", "diversity": 0.5}))
    plain = told.explain(ExplainAsked.model_validate(asked))
    assert not {one.item for one in said.because} & set(gone)
    assert said.tasks != plain.tasks
    assert [step.stage for step in said.moved][-2:] == ["stars^2", "diversity"]
    assert "diversity" not in [step.stage for step in plain.moved]
    strange = told.explain(ExplainAsked.model_validate({**asked, "without": ["x", gone[0]], "also": ["y", "x"]}))
    assert strange.unknown == ["x", "y"] and plain.unknown == []
