"""The real model with every kind of table, history, retrieval and ranking, through training, stop and resumption."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import torch

from plait.balance import Average, Uncertainty, UPGrad
from plait.balance.base import Balancer
from plait.data.batches import gather
from plait.data.columns import Prepared
from plait.encode.history import Attention, build_history
from plait.encode.row import RowEncoder
from plait.errors import Stopped
from plait.layout import Layout
from plait.model import Encoder, HistoryRole, MultiTaskModel
from plait.share import PLE, SNR, STAR, STEM, HoME, Inputs, MMoE, PEPNet, SharingSettings, build_sharing
from plait.tasks import Binary, Multiclass, Ranking, Regression, Retrieval, build_head
from plait.train.fitted import Fitted
from plait.train.loop import Goal, fit
from plait.train.protocol import Trainable
from plait.train.settings import Train
from support.prepared import shop
from support.runs import digest, left, settings

TASKS = {
    "like": Binary.Settings(table="ratings", kind="binary", label="x"),
    "stars": Regression.Settings(table="ratings", kind="regression", label="x"),
    "next": Retrieval.Settings(table="ratings", kind="retrieval", label="film"),
    "order": Ranking.Settings(table="ratings", kind="ranking", label="x", group="user"),
    "kind": Multiclass.Settings(table="films", kind="multiclass", label="x"),
}


def build(prepared: Prepared, body: SharingSettings, seed: int = 0) -> MultiTaskModel:
    layout = prepared.layout
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        options = RowEncoder.Settings(width=4, vector_width=4)
        views = body.views(len(layout.tasks))
        rows = {name: RowEncoder(layout.tables[name], options, views) for name in layout.tables}
        past = HistoryRole(rows["films"].width, build_history(Attention.Settings(), 8), 8)
        sharing = build_sharing(body, inputs(layout, rows), len(layout.tasks))
        films = rows["films"].width
        heads = {name: build_head(TASKS[name], task, sharing.width, [8], films) for name, task in layout.tasks.items()}
        return MultiTaskModel(layout, Encoder(layout, rows, {"users.recent": past}, sharing.views), sharing, heads)


def inputs(layout: Layout, rows: dict[str, RowEncoder]) -> Inputs:
    spans: dict[str, tuple[int, int]] = {}
    end = 0
    for role in layout.roles:
        if role.history is None:
            found = rows[role.table].spans.items()
            spans |= {f"{role.name}/{name}": (end + start, end + stop) for name, (start, stop) in found}
        end += 8 if role.history else rows[role.table].width
    sizes = {f.name: f.size for table in layout.tables.values() for f in table.features if f.slots}
    return Inputs(end, spans, sizes, list(layout.tasks))


def run(prepared: Prepared, model: MultiTaskModel, balancer: Balancer, options: Train.Settings, **keep: object) -> Fitted:
    def evaluate(trained: Trainable) -> dict[str, float]:
        assert isinstance(trained, MultiTaskModel)
        with torch.no_grad():
            batch = gather(prepared, "ratings", prepared.rows("like", "valid"))
            found = trained.outputs(batch)["like"]
        return {"like": float(((found[:, 0] > 0.5) == (batch.labels["like"][:, 0] > 0.5)).float().mean())}

    goal = Goal(evaluate, dict.fromkeys(TASKS, True))
    out, resume = keep.get("out"), keep.get("resume", False)
    assert out is None or isinstance(out, Path)
    return fit(model, prepared, balancer, options, goal=goal, seed=17, out=out, resume=bool(resume))


def balancers(tasks: int) -> dict[str, Balancer]:
    ones = [1.0] * tasks
    return {
        "average": Average(ones),
        "uncertainty": Uncertainty(ones),
        "upgrad": UPGrad.Settings(at="parameters").build(list(TASKS)[:tasks], ones),
        "upgrad at the representation": UPGrad.Settings(at="representation").build(list(TASKS)[:tasks], ones),
    }


NAMES = list(balancers(5))
STAR_BODY = STAR.Settings(domain="users.hint", layers=[16], auxiliary=4, dropout=0.2)
BODIES = [
    STEM.Settings(shared_experts=1, expert=[16]),
    HoME.Settings(groups=[["like", "stars"]], meta=[16], expert=[16], rank=2),
    PEPNet.Settings(domain_features=["users.hint"], personal_features=["users.id", "films.id"], layers=[16], gate=8),
    STAR_BODY,
    SNR.Settings(layers=[16, 16]),
]
BODY = PLE.Settings(levels=1, shared_experts=2, task_experts=1, expert=[16])


@pytest.mark.parametrize("name", NAMES)
def test_the_loss_falls(name: str) -> None:
    prepared = shop(ranking=True, ratings=300)
    fitted = run(prepared, build(prepared, BODY), balancers(5)[name], settings(batch=80, epochs=3, negatives=16))
    assert fitted.skipped == 0
    falling = [curve.losses[-1] < curve.losses[0] for curve in fitted.curves.values()]
    assert sum(falling) >= 4
    assert set(fitted.gates) and all(set(tasks) == set(TASKS) for tasks in fitted.gates.values())


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.kind)
def test_bodies_that_want_more_than_the_input(body: SharingSettings) -> None:
    prepared = shop(ranking=True, ratings=300)
    model = build(prepared, body)
    fitted = run(prepared, model, balancers(5)["upgrad at the representation"], settings(batch=80, epochs=3, negatives=16))
    assert fitted.skipped == 0
    falling = [curve.losses[-1] < curve.losses[0] for curve in fitted.curves.values()]
    assert sum(falling) >= 4
    batch = gather(prepared, "ratings", prepared.rows("like", "valid")[:1])
    assert all(bool(found.isfinite().all()) and len(found) == 1 for found in model.outputs(batch).values())
    assert bool(model.candidates("next", batch.roles["films"]).isfinite().all())


def test_each_view_of_an_embedding_is_learned_apart() -> None:
    prepared = shop(ranking=True, ratings=300)
    model = build(prepared, BODIES[0])
    before = [embedding.weight.detach().clone() for embedding in model.embeddings()]
    run(prepared, model, balancers(5)["average"], settings(batch=80, epochs=1, negatives=16))
    for embedding, weight in zip(model.embeddings(), before, strict=True):
        assert embedding.weight.shape[1] == 6 * 4
        moved = (embedding.weight.detach() - weight)[1:].unflatten(1, (6, 4)).norm(dim=(0, 2))
        assert (moved > 0).sum() >= 4
        assert not embedding.weight[0].any()


@pytest.mark.parametrize(
    ("name", "precision", "body"),
    [
        ("uncertainty", "bf16", MMoE.Settings(experts=3, expert=[16], dropout=0.2)),
        ("upgrad", "fp32", MMoE.Settings(experts=3, expert=[16], dropout=0.2)),
        ("average", "fp32", STAR_BODY),
    ],
    ids=["uncertainty", "upgrad", "star"],
)
def test_stopped_and_resumed_it_ends_the_same(tmp_path: Path, name: str, precision: str, body: SharingSettings) -> None:
    prepared = shop(ranking=True, ratings=300)
    options = settings(batch=80, epochs=2, negatives=16, precision=precision, embedding_optimiser="adagrad")
    straight, stopped = build(prepared, body), build(prepared, body)
    run(prepared, straight, balancers(5)[name], options, out=tmp_path / "straight")
    balancer = balancers(5)[name]
    calls: list[int] = []
    inner = balancer.backward

    def sending(*args):
        calls.append(1)
        if len(calls) == 4:
            os.kill(os.getpid(), signal.SIGTERM)
        return inner(*args)

    balancer.backward = sending  # type: ignore[method-assign]
    with pytest.raises(Stopped, match="after step 4 of 6"):
        run(prepared, stopped, balancer, options, out=tmp_path / "again")
    again = build(prepared, body, seed=5)
    run(prepared, again, balancers(5)[name], options, out=tmp_path / "again", resume=True)
    assert digest(straight.state_dict()) == digest(again.state_dict())
    assert left(tmp_path / "straight") == left(tmp_path / "again")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("poison", [float("nan"), float("inf"), 1e30])
@pytest.mark.parametrize("body", [BODY, STAR_BODY], ids=lambda body: body.kind)
def test_a_poisoned_number_costs_its_steps_only(name: str, poison: float, body: SharingSettings) -> None:
    prepared = shop(ranking=True, ratings=300)
    matrix = prepared.tables["ratings"].matrix
    matrix[5, 2] = torch.tensor([poison]).view(torch.int32)[0]
    model, balancer = build(prepared, body), balancers(5)[name]
    fitted = run(prepared, model, balancer, settings(batch=40, epochs=1, negatives=16))
    tensors = [*model.state_dict().values(), *balancer.state_dict().values()]
    assert all(bool(tensor.isfinite().all()) for tensor in tensors)
    assert fitted.skipped <= 1 < fitted.steps
    assert fitted.skipped == 1 or poison == 1e30
