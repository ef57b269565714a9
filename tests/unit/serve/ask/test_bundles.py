"""The service over an exported bundle says what it says over the run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from plait.errors import RecipeError
from plait.experiment import EventStore
from plait.export.bundle import Bundle, load_bundle
from plait.export.command import export
from plait.export.options import Options
from plait.run.run import Run
from plait.serve.ask.questions import FeedbackAsked, ItemsAsked, RankAsked, RecommendAsked
from plait.serve.service import Service
from support.operators import listed_once

__all__ = ["listed_once"]


def test_a_bundle_answers_as_its_run(films_run: Run, tmp_path: Path) -> None:
    export(films_run, tmp_path / "bundle", Options(formula="like^2 * exp(next)"))
    store = EventStore(tmp_path / "events.db")
    run, bundle = Service(load_bundle(films_run.folder), store), Service(load_bundle(tmp_path / "bundle"), store)
    assert bundle.formula == "like^2 * exp(next)" and run.version != bundle.version
    run.use("like^2 * exp(next)")
    run.feedback(FeedbackAsked(user="3", item="f/7 é"))
    for user in ("3", "7", "nobody"):
        asked = RecommendAsked(user=user, count=8, seen=False, filters={"genres": ["drama", "crime"]})
        here, there = run.recommend(asked), bundle.recommend(asked)
        assert here.degraded == there.degraded == [] and here.by == there.by
        assert [p.item for p in here.items] == [p.item for p in there.items]
        assert [p.score for p in here.items] == pytest.approx([p.score for p in there.items], rel=1e-4)
    rows = ItemsAsked(rows=[{"film_id": "new", "title": "New", "genres": "drama"}])
    run.add_items(rows)
    bundle.offer([dict(row) for row in rows.rows])
    answers = [service.rank(RankAsked(user="3", items=["new", "f/1 é"])) for service in (run, bundle)]
    assert answers[0].unknown == answers[1].unknown == []
    assert {p.item: p.score for p in answers[0].items} == pytest.approx(
        {p.item: p.score for p in answers[1].items}, rel=1e-4
    )
    store.close()


def test_a_bundle_whose_formula_names_nothing_known_is_not_warmed(films_bundle: Bundle) -> None:
    with pytest.raises(RecipeError, match=r"Did you mean `like`\?"):
        Service(replace(films_bundle, formula="lik")).warm()


def test_a_formula_is_checked_before_anything_is_written(films_run: Run, people_run: Run, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from plait.cli import app
    from plait.errors import RecipeError, RunError
    from plait.serve.ask.worth import check_formula

    check_formula(films_run, "exp(next) * like^2")
    with pytest.raises(RecipeError, match="lik"):
        check_formula(films_run, "lik * stars")
    with pytest.raises(RunError, match="should have tasks on a table with keys to two others"):
        check_formula(people_run, "rich")
    said = CliRunner().invoke(app, ["export", str(films_run.folder), "--out", str(tmp_path / "out"), "--formula", "lik"])
    assert said.exit_code != 0
    assert not (tmp_path / "out").exists()
