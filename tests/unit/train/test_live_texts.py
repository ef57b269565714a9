"""An encoder inside the model through training: every text once a step, any balancer and body, stopped anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from plait.data.columns import Prepared
from plait.data.prepare import prepare
from plait.errors import Stopped
from plait.model import MultiTaskModel
from plait.recipe import Recipe, load_recipe
from plait.run.build import build_balance, build_model, build_texts
from plait.run.phase import goal_of
from plait.share import STAR, PEPNet
from plait.train.fitted import Fitted
from plait.train.loop import fit
from plait.train.supply import Supply
from support.methods import BALANCERS, BODIES, label
from support.opinions import opinions, recipe_of
from support.runs import digest, left, stop_at


class Shop:
    """The prepared shop, and trainings of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.encoder = opinions(folder)

    def recipe(self, text: dict[str, object] | None = None, **changes: Any) -> Recipe:
        return load_recipe(recipe_of(self.encoder, text, **changes))

    def prepared(self, recipe: Recipe) -> Prepared:
        return prepare(recipe.schema_, self.folder, self.folder / "cache", build_texts(recipe))

    def train(
        self, recipe: Recipe, out: Path | None = None, resume: bool = False, stop: int | None = None
    ) -> tuple[MultiTaskModel, Fitted]:
        prepared = self.prepared(recipe)
        model = build_model(recipe, prepared.layout)
        balancer = build_balance(recipe, prepared.layout)
        if stop is not None:
            stop_at(balancer, stop)
        goal = goal_of(recipe, prepared)
        fitted = fit(model, prepared, balancer, recipe.train, goal=goal, seed=recipe.seed, out=out, resume=resume)
        return model, fitted


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return Shop(tmp_path_factory.mktemp("shop"))


def _adapters(model: MultiTaskModel) -> dict[str, torch.Tensor]:
    assert model.encoder.texts is not None
    return {n: p.detach().clone() for n, p in model.encoder.texts.named_parameters() if p.requires_grad}


def test_every_text_is_encoded_once_a_step(shop: Shop) -> None:
    recipe = shop.recipe()
    prepared = shop.prepared(recipe)
    model = build_model(recipe, prepared.layout)
    assert model.encoder.texts is not None
    read: list[int] = []
    model.encoder.texts.body.register_forward_hook(lambda *call: read.append(call[2].last_hidden_state.shape[0]))
    draw = next(iter(Supply(prepared, recipe.train, 1, 17, torch.device("cpu")).epoch(0, 0)))[0]
    assert {batch.table for batch in draw.batches} == {"visits", "products"}
    blocks = [b for batch in draw.batches for b in (*batch.roles.values(), *(p.block for p in batch.pasts.values()))]
    blocks += [drawn.block for drawn in draw.negatives.values()]
    keys = {key for block in blocks if block.texts is not None for key in block.texts.keys.tolist()} - {0}
    _, present = model.losses(draw.batches, draw.negatives)
    assert present.all()
    assert sum(read) == len(keys) < sum(len(b.texts.keys) for b in blocks if b.texts is not None)


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ({"dropout": 0.2}, {"balance": {"kind": "upgrad"}}),
        ({"dropout": 0.2, "unfreeze": "gradual"}, {"train": {"precision": "bf16", "accumulate": 2, "mix": "alternate"}}),
        ({"tune": "full", "layer_decay": 0.8, "checkpoint": True}, {"balance": {"kind": "gradnorm"}}),
    ],
)
def test_stopped_anywhere_it_ends_the_same(
    shop: Shop, tmp_path: Path, text: dict[str, object], changes: dict[str, Any]
) -> None:
    recipe = shop.recipe(text, **changes)
    straight, _ = shop.train(recipe, tmp_path / "straight")
    for stop in (3, 5):
        with pytest.raises(Stopped):
            shop.train(recipe, tmp_path / "again", resume=stop > 3, stop=3)
    again, _ = shop.train(recipe, tmp_path / "again", resume=True)
    assert digest(straight.state_dict()) == digest(again.state_dict())
    assert left(tmp_path / "straight") == left(tmp_path / "again")


def test_each_task_has_its_own_adapters(shop: Shop, tmp_path: Path) -> None:
    recipe = shop.recipe({"adapters": "per_task", "dropout": 0.2}, balance={"kind": "upgrad"})
    straight, fitted = shop.train(recipe, tmp_path / "straight")
    with pytest.raises(Stopped):
        shop.train(recipe, tmp_path / "again", stop=4)
    again, _ = shop.train(recipe, tmp_path / "again", resume=True)
    assert digest(straight.state_dict()) == digest(again.state_dict())
    assert fitted.skipped == 0
    assert straight.encoder.texts is not None
    own = straight.own_tensors()
    shared = {id(p) for p in straight.shared_tensors()}
    for number, name in enumerate(straight.names):
        adapters = straight.encoder.texts.own(number)
        assert {id(p) for p in adapters} <= {id(p) for p in own[number]} - shared
        assert any(bool(p.any()) for p in adapters[1::2]), f"{name} moved none of its adapters"


def test_a_checkpoint_of_adapters_is_small(shop: Shop, tmp_path: Path) -> None:
    model, fitted = shop.train(shop.recipe(), tmp_path)
    assert model.encoder.texts is not None
    held = {name for name in model.state_dict() if name.startswith("encoder.texts.")}
    assert held == {f"encoder.texts.{name}" for name in _adapters(model)}
    assert 0 < fitted.trained < sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("mix", ["joint", "alternate", "proportional"])
def test_every_mix(shop: Shop, mix: str) -> None:
    recipe = shop.recipe(train={"mix": mix, "epochs": 1, "finish": "per_task", "finish_epochs": 1})
    model, fitted = shop.train(recipe)
    assert fitted.skipped == 0
    assert any(bool(p.abs().sum() > 0) for name, p in _adapters(model).items() if "lora_B" in name)


@pytest.mark.parametrize("one", BALANCERS, ids=lambda one: label(one.settings))
def test_every_balancer_moves_the_adapters(shop: Shop, one: Any) -> None:
    recipe = shop.recipe(train={"epochs": 1, "batch": 96})
    recipe = recipe.model_copy(update={"balance": one.settings})
    _check(shop, recipe)


BODIES_OF_THE_SHOP = [
    *(body for body in BODIES if not isinstance(body, PEPNet.Settings | STAR.Settings)),
    PEPNet.Settings(domain_features=["users.user"], personal_features=["users.user"], layers=[8], gate=4),
    STAR.Settings(domain="users.user", layers=[8], auxiliary=4),
]


@pytest.mark.parametrize("body", BODIES_OF_THE_SHOP, ids=lambda body: body.kind)
def test_every_body_hands_gradients_to_the_adapters(shop: Shop, body: Any) -> None:
    recipe = shop.recipe(train={"epochs": 1, "batch": 96})
    _check(shop, recipe.model_copy(update={"model": recipe.model.model_copy(update={"sharing": body})}))


def _check(shop: Shop, recipe: Recipe) -> None:
    model, fitted = shop.train(recipe)
    assert fitted.skipped == 0
    moved = [name for name, p in _adapters(model).items() if "lora_B" in name and bool(p.any())]
    assert len(moved) == 12, "six maps in each of two layers"


def test_the_encoder_has_its_own_learning_rates(shop: Shop) -> None:
    from plait.train.optimiser import Optimiser

    recipe = shop.recipe({"learning_rate": 0.25, "layer_decay": 0.5})
    prepared = shop.prepared(recipe)
    model = build_model(recipe, prepared.layout)
    optimiser = Optimiser(model, [], recipe.train)
    assert optimiser._adamw is not None
    assert len(optimiser.dense) == len({id(p) for p in optimiser.dense})
    assert {id(p) for p in optimiser.dense} == {id(p) for p in model.parameters() if p.requires_grad} - {
        id(e.weight) for e in model.embeddings()
    }
    rates = {id(p): rate for p, rate in model.rates()}
    for group, rate in zip(optimiser._adamw.param_groups, optimiser._dense_rates, strict=True):
        assert {rates.get(id(p), recipe.train.learning_rate) for p in group["params"]} == {rate}
    assert {0.25, 0.125, recipe.train.learning_rate} == {*optimiser._dense_rates}
