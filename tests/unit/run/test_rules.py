"""Rules through a whole run: learned, kept by every prediction, reported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from plait.data.batches import gather
from plait.data.negatives import NegativeSampler
from plait.export.bundle import load_bundle
from plait.run.build import build_model
from plait.run.evaluate import evaluate
from plait.run.job import train
from plait.run.rules import rule_reports
from plait.run.run import Run
from plait.serve.ask.questions import RecommendAsked
from plait.serve.service import Service
from support.films import write_films

YOUNG = 40


def described(folder: Path, weight: float = 1.0) -> dict[str, Any]:
    """Describe films of which comedies are forbidden to people under forty."""
    values = write_films(folder)
    tasks = values["tasks"]
    tasks["many"] = {"table": "ratings", "kind": "multiclass", "label": "stars"}
    tasks["spend"] = {"table": "ratings", "kind": "amount", "label": "CASE WHEN stars > 2 THEN stars ELSE 0 END"}
    tasks["love"] = {"table": "ratings", "kind": "binary", "label": "stars >= 5", "given": "like"}
    rule = f"not (users.age < {YOUNG} and films.genres = 'comedy')"
    values["rules"] = {
        "likes": {"task": "like", "rule": rule, "weight": weight},
        "many": {"task": "many", "rule": rule, "classes": ["4", "5"], "weight": weight},
        "spends": {"task": "spend", "rule": rule, "weight": weight},
        "shown": {"task": "next", "rule": rule, "weight": weight},
        "drama": {"task": "genre", "rule": "title NOT LIKE 'Film %'", "classes": "drama", "weight": weight},
    }
    return values


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("films")
    return train(described(folder, weight=0.0), folder / "run", base=folder, alone=False)


@pytest.fixture(scope="module")
def pairs(run: Run) -> tuple[pa.Table, list[bool]]:
    """Return every user with every film, and which of them are forbidden."""
    users, films = (pq.read_table(run.folder.parent / f"{name}.parquet").to_pylist() for name in ("users", "films"))
    rows = [(u, f) for u in users for f in films]
    table = pa.table({"user_id": [u["user_id"] for u, _ in rows], "film_id": [f["film_id"] for _, f in rows]})
    return table, [u["age"] < YOUNG and f["genres"] == "comedy" for u, f in rows]


def test_every_prediction_keeps_every_rule(run: Run, pairs: tuple[pa.Table, list[bool]]) -> None:
    rows, forbidden = pairs
    found = run.predict(rows, "ratings").to_pydict()
    comedies = {f"f/{n} é" for n in range(30) if n % 4 == 1}
    young = {u for u, b in zip(rows["user_id"].to_pylist(), forbidden, strict=True) if b}
    for place, out in enumerate(forbidden):
        assert (found["like"][place] == 0) is out
        assert (found["spend"][place] == 0) is out
        assert found["love"][place] <= found["like"][place], "what is given a forbidden outcome cannot be either"
        assert (found["many.4"][place] == found["many.5"][place] == 0) is out
        if out:
            assert found["many"][place] not in ("4", "5")
        listed = set(found["next"][place])
        assert len(listed) == 10
        if rows["user_id"][place].as_py() in young:
            assert not listed & comedies
    assert any(set(found["next"][p]) & comedies for p in range(len(forbidden)))


def test_what_is_evaluated_keeps_the_rules(run: Run) -> None:
    outcomes = run.scorer.outcomes("test")
    rows = run.prepared.rows("like", "test")
    out = run.prepared.tables["ratings"].rules["likes"].at(rows).outcome().numpy()
    assert out.any()
    assert not outcomes["like"].prediction[out].any()
    rows = run.prepared.rows("next", "test")
    forbidden = run.scorer.forbidden("next", run.prepared.tables["ratings"], rows)
    top = torch.from_numpy(outcomes["next"].top)
    assert not forbidden.gather(1, top).any()
    lines, _ = evaluate(run.folder, run.folder.parent / "ratings.parquet", "ratings")
    assert any("like" in line for line in lines)


def test_what_is_served_keeps_the_rules(run: Run) -> None:
    service = Service(load_bundle(run.folder))
    users = pq.read_table(run.folder.parent / "users.parquet").to_pylist()
    films = {f"f/{n} é" for n in range(30) if n % 4 == 1}
    shown = {u["user_id"]: service.recommend(RecommendAsked(user=str(u["user_id"]), count=10)) for u in users[5:25]}
    young = {u["user_id"] for u in users if u["age"] < YOUNG}
    listed = {user: {item.item for item in found.items} for user, found in shown.items()}
    assert not any(items & films for user, items in listed.items() if user in young)
    assert any(items & films for user, items in listed.items() if user not in young)


def test_the_report_counts_what_was_broken(run: Run) -> None:
    rules = run.report.rules
    assert set(rules) == {"likes", "many", "spends", "shown", "drama"}
    ratings = run.prepared.tables["ratings"]
    for part in ("train", "valid", "test"):
        rows = run.prepared.rows("like", part)
        out = ratings.rules["likes"].at(rows).outcome()
        assert rules["likes"].forbidden[part] == int(out.sum())
        assert rules["likes"].labels[part] == int((out & (ratings.labels["like"][rows, 0] > 0)).sum())
        assert rules["shown"].labels[part] == int(out.sum())
    assert rules["drama"].classes == ["drama"]
    before = run.scorer.outputs("ratings", run.prepared.rows("like", "test"), ["like"], enforced=False)["like"][:, 0]
    out = ratings.rules["likes"].at(run.prepared.rows("like", "test")).outcome()
    assert rules["likes"].predictions == int((before[out] >= 0.5).sum())
    assert rules["likes"].given == pytest.approx(float(before[out].mean()), abs=1e-5)
    told, _ = evaluate(run.folder, None, None)
    assert any(line.startswith("Rule likes, about like: ") and line.endswith("would have, and none does.") for line in told)
    page = (run.folder / "report.html").read_text()
    assert "labels that break it" in page and "users.age &lt; 40" in page


def test_the_penalty_reaches_the_step_through_the_model_alone(run: Run) -> None:
    prepared = run.prepared
    assert run.model.train().penalty() is None
    run.model.eval()
    rules = {name: rule.model_copy(update={"weight": 1.0}) for name, rule in run.recipe.rules.items()}
    model = build_model(run.recipe.model_copy(update={"rules": rules}), prepared.layout)
    batch = gather(prepared, "ratings", torch.arange(1, 400))
    drawn = {"next": NegativeSampler(prepared, "next", 16, 3).draw(0, 0)}
    losses, _ = model.losses([batch], drawn)
    added = model.penalty()
    assert added is not None
    assert added.item() > 0
    assert model.penalty() is None, "it is forgotten once it was told"
    added.backward(retain_graph=True)
    touched = {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None and bool(p.grad.any())}
    assert touched == {"encoder", "sharing", "heads"}
    with torch.no_grad():
        again, _ = model.losses([batch], drawn)
    assert model.penalty() is None
    without = build_model(run.recipe, prepared.layout)
    assert torch.allclose(losses, without.losses([batch], drawn)[0], atol=1e-6), "losses are those of the tasks alone"
    assert torch.allclose(losses, again, atol=1e-5)


def test_the_weight_lowers_what_is_given_to_the_forbidden(tmp_path: Path) -> None:
    given = {}
    for weight in (0.0, 3.0):
        folder = tmp_path / str(weight)
        changes = ["train.epochs=1", "train.batch=32", "train.learning_rate=0.02", "train.schedule=constant"]
        trained = train(described(folder, weight), folder / "run", base=folder, alone=False, changes=changes)
        given[weight] = {name: rule.given for name, rule in trained.report.rules.items()}
        assert rule_reports(trained.model, trained.prepared) == trained.report.rules
    for name in ("likes", "many", "spends", "shown"):
        assert given[3.0][name] < 0.8 * given[0.0][name], name
