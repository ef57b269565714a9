"""Chains in the whole model: over groups of one table, with missing labels, in losses, predictions and balancing."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
import torch

from plait.balance import AnyBalance
from plait.balance.graph.jacobian import Jacobian
from plait.balance.graph.walk import loss_edges
from plait.data.batches import Batch, gather
from plait.data.columns import Prepared
from plait.data.prepare import prepare
from plait.model import MultiTaskModel
from plait.recipe import Recipe, load_recipe
from plait.run.build import build_balance, build_model
from plait.share import AnySharing
from support.films import write_films
from support.shapes import shapes_unchecked

__all__ = ["shapes_unchecked"]

TASKS: dict[str, Any] = {
    "seen": {"table": "ratings", "kind": "binary", "label": "stars >= 2"},
    "like": {
        "table": "ratings",
        "kind": "binary",
        "label": "stars >= 3",
        "given": "seen",
        "inputs": ["users", "films.film_id"],
    },
    "love": {
        "table": "ratings",
        "kind": "binary",
        "label": "CASE WHEN user_id % 3 > 0 THEN stars >= 5 END",
        "given": ["like"],
        "inputs": ["users", "films.genres"],
    },
    "spend": {
        "table": "ratings",
        "kind": "amount",
        "label": "CASE WHEN stars >= 5 THEN user_id ELSE 0 END",
        "given": "love",
    },
    "next": {"table": "ratings", "kind": "retrieval", "label": "film_id", "where": "stars >= 3"},
    "genre": {"table": "films", "kind": "multilabel", "label": "genres", "inputs": ["films.film_id"]},
}
KINDS = ["esmm", "escm2", "aitm", "dbmtl"]


def made(folder: Path, kind: str = "esmm", **more: Any) -> tuple[Recipe, Prepared, MultiTaskModel]:
    """Prepare the films with a chain of four tasks in three groups, and build the model."""
    values, prepared = films(folder, kind)
    recipe = load_recipe(values | more)
    torch.manual_seed(3)
    return recipe, prepared, build_model(recipe, prepared.layout)


@cache
def films(folder: Path, kind: str) -> tuple[dict[str, Any], Prepared]:
    """Write and prepare the films; neither the model nor the balancing changes what they hold."""
    values = write_films(folder)
    values["tasks"] = {name: dict(task) for name, task in TASKS.items()}
    for name in ("like", "love"):
        values["tasks"][name]["chain"] = kind
    return values, prepare(load_recipe(values).schema_, folder, folder / "cache")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("films")


def shaken(model: MultiTaskModel) -> MultiTaskModel:
    """Make the heads say different things."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.5)
    return model


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_over_three_groups(folder: Path, kind: str) -> None:
    _, prepared, model = made(folder, kind)
    assert len({tuple(group.tasks) for group in prepared.layout.groups if group.table == "ratings"}) >= 3
    batch = gather(prepared, "ratings", torch.arange(1, 400))
    shaken(model).eval()
    with torch.no_grad():
        found = model.outputs(batch)
    assert set(found) == {"seen", "like", "love", "spend", "next"}
    if kind in ("esmm", "escm2"):
        assert bool((found["like"] <= found["seen"]).all())
        assert bool((found["love"] <= found["like"]).all())
        assert float(found["seen"].std()) > 0
    one = gather(prepared, "ratings", torch.tensor([7]))
    with torch.no_grad():
        alone = model.outputs(one)
    assert torch.allclose(alone["love"], found["love"][6:7], atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("balance", ["average", "uncertainty", "upgrad"])
def test_one_step_with_every_balancer(folder: Path, kind: str, balance: str) -> None:
    recipe, prepared, model = made(folder, kind, balance=balance)
    batch = gather(prepared, "ratings", torch.arange(1, 200))
    batch = without(batch, "next")
    values, present = model.losses([batch], {})
    assert dict(zip(model.names, present.tolist(), strict=True)) == {
        "seen": True, "like": True, "love": True, "spend": True, "next": False, "genre": False,
    }  # fmt: skip
    assert values.isfinite().all()
    tables = {id(e.weight) for e in model.embeddings()}
    looked = [rows for embedding in model.embeddings() for _, rows in embedding.take()]
    own = [[t for t in tensors if id(t) not in tables] for tensors in model.own_tensors()]
    shared = [t for t in model.shared_tensors() if id(t) not in tables]
    balancer = build_balance(recipe, prepared.layout)
    balancer.begin(shared)
    weights = balancer.backward(values, present, [*shared, *looked], own)
    assert weights.isfinite().all()
    head = next(iter(model.head("seen").parameters()))
    assert head.grad is not None
    assert head.grad.isfinite().all()


NEEDS: dict[str, dict[str, Any]] = {"star": {"domain": "users.town"}, "pepnet": {"domain_features": ["users.town"]}}


def kinds(union: Any) -> list[str]:
    """Name the methods of a tagged union of settings, but those that need more than a name and are not told here."""
    found = [
        (settings.model_fields["kind"].default, settings.model_fields.values()) for settings in get_args(get_args(union)[0])
    ]
    return [kind for kind, fields in found if kind in NEEDS or not any(field.is_required() for field in fields)]


@pytest.mark.usefixtures("shapes_unchecked")
@pytest.mark.parametrize("sharing", kinds(AnySharing))
@pytest.mark.parametrize("balance", kinds(AnyBalance))
def test_a_chain_goes_with_every_body_and_every_balancer(folder: Path, sharing: str, balance: str) -> None:
    body = {"kind": sharing, **NEEDS.get(sharing, {})}
    recipe, prepared, model = made(folder, "aitm", balance=balance, model={"width": 4, "sharing": body, "tower": [4]})
    values, present = model.losses([without(gather(prepared, "ratings", torch.arange(1, 80)), "next")], {})
    tables = {id(e.weight) for e in model.embeddings()}
    looked = [rows for embedding in model.embeddings() for _, rows in embedding.take()]
    own = [[t for t in tensors if id(t) not in tables] for tensors in model.own_tensors()]
    shared = [t for t in model.shared_tensors() if id(t) not in tables]
    balancer = build_balance(recipe, prepared.layout)
    balancer.begin(shared)
    balancer.before_step(0.0)
    if balancer.draws > 1:
        values, present = (torch.stack([found] * balancer.draws) for found in (values, present))
    weights = balancer.backward(values, present, [*shared, *looked], own)
    assert weights.isfinite().all()
    grads = [p.grad for p in model.parameters() if p.grad is not None]
    assert grads
    assert all(bool(gradient.isfinite().all()) for gradient in grads)
    with torch.no_grad():
        assert model.eval().outputs(gather(prepared, "ratings", torch.tensor([3])))["love"].shape == (1, 1)


def without(batch: Batch, task: str) -> Batch:
    """Return the batch with no label of one task."""
    return replace(batch, weights={**batch.weights, task: batch.weights[task] * 0})


def reached(model: MultiTaskModel, loss: torch.Tensor) -> set[int]:
    parameters = [p for p in model.parameters() if p.requires_grad]
    found = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
    return {id(p) for p, gradient in zip(parameters, found, strict=True) if gradient is not None and bool(gradient.any())}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sharing", ["separate", "mmoe", "ple"])
def test_own_parts_are_reached_by_no_other_task(folder: Path, kind: str, sharing: str) -> None:
    _, prepared, model = made(folder, kind, model={"width": 4, "sharing": sharing, "tower": [4]})
    batch = gather(prepared, "ratings", torch.arange(1, 200))
    shaken(model)
    batch = without(batch, "next")
    values, present = model.losses([batch], {})
    touched = [reached(model, value) if there else set() for value, there in zip(values, present.tolist(), strict=True)]
    for number, own in enumerate(model.own_tensors()):
        others = set().union(*(found for other, found in enumerate(touched) if other != number))
        assert not others & {id(p) for p in own}
    names = {id(p): name for name, p in model.named_parameters()}
    seen = model.names.index("seen")
    head = {id(p) for p in model.head("seen").parameters()}
    lent = bool(head & touched[model.names.index("like")])
    assert lent is (kind != "dbmtl"), sorted(names[p] for p in touched[seen])
    shared = {id(p) for p in model.shared_tensors()}
    assert (head <= shared) is lent


def test_a_child_trains_where_its_parent_has_no_label(folder: Path) -> None:
    _, prepared, model = made(folder)
    batch = gather(prepared, "ratings", torch.arange(1, 60))
    none = {name: torch.full_like(batch.weights["seen"], 0.0) for name in ("seen", "like", "next", "spend")}
    nothing = {name: torch.full_like(batch.labels["seen"], torch.nan) for name in ("seen", "like")}
    batch = replace(batch, labels={**batch.labels, **nothing}, weights={**batch.weights, **none})
    values, present = model.losses([batch], {})
    assert [name for name, there in zip(model.names, present.tolist(), strict=True) if there] == ["love"]
    values.sum().backward()
    assert all(bool(p.grad is not None and p.grad.any()) for p in model.head("seen").parameters())


def test_trained_alone_a_task_is_given_nothing(folder: Path) -> None:
    from plait.run.phase import only

    recipe, prepared, _ = made(folder)
    single = build_model(recipe.alone("love", 32), only(prepared, "love").layout)
    assert single.chain.order == []
    values, _ = single.losses([gather(only(prepared, "love"), "ratings", torch.arange(1, 30))], {})
    assert values.shape == (1,)


@pytest.mark.parametrize("sharing", ["separate", "shared_bottom", "mmoe"])
def test_at_the_representation_what_tasks_share_behind_the_body_counts_too(folder: Path, sharing: str) -> None:
    _, prepared, model = made(folder, model={"width": 4, "sharing": sharing, "tower": [4]})
    ratings = gather(prepared, "ratings", torch.arange(1, 200))
    shaken(model)
    values, present = model.losses([without(ratings, "next")], {})
    losses = {name: values[number] for number, name in enumerate(model.names) if present[number]}
    edges = [edge for edge in loss_edges(values)[0] if edge is not None]
    assert len(edges) == len(losses)
    scales = [torch.ones(()) for _ in edges]
    found = Jacobian.take(edges, scales, range(len(edges)), "representation", model.shared_tensors(), model.own_tensors())
    leaves = {id(place): number for number, place in enumerate(found.places) if isinstance(place, torch.Tensor)}
    for name in ("seen", "like"):
        for parameter in model.head(name).parameters():
            rows = [found.rows[task][leaves[id(parameter)]] for task in range(len(edges))]
            for (task, loss), row in zip(losses.items(), rows, strict=True):
                wanted = torch.autograd.grad(loss, parameter, retain_graph=True, allow_unused=True)[0]
                none = torch.zeros_like(parameter)
                assert torch.allclose(none if row is None else row, none if wanted is None else wanted, atol=1e-6), (
                    task,
                    name,
                )
        assert sum(bool(found.rows[task][leaves[id(parameter)]] is not None) for task in range(len(edges))) > 1
    # Sent back with weights of one, the places give what the sum of the losses gives: nothing is left out or counted twice.
    shared = model.shared_tensors()
    plain = torch.autograd.grad(sum(losses.values(), torch.zeros(())), shared, retain_graph=True, allow_unused=True)
    found.send(found.combine(torch.ones(len(edges))), shared)
    for parameter, wanted in zip(shared, plain, strict=True):
        if wanted is not None:
            assert parameter.grad is not None
            assert torch.allclose(parameter.grad, wanted, rtol=1e-3, atol=1e-4 * float(wanted.abs().max() + 1))
