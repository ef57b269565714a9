"""What is known of rows in the whole model: in rows, in candidates and in histories; hidden where a task may not see it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from plait.data.batches import Around, Block, block, gather
from plait.data.columns import Prepared
from plait.data.prepare import prepare
from plait.model import MultiTaskModel
from plait.recipe import load_recipe
from plait.run.build import build_model
from support.knowledge import write_knowledge


@pytest.fixture(scope="module", params=["attention", "mean"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Prepared, MultiTaskModel]:
    folder = tmp_path_factory.mktemp("films")
    values = write_knowledge(folder)
    recipe = load_recipe({**values, "model": {**values["model"], "graph": request.param}})
    prepared = prepare(recipe.schema_, folder, folder / "cache")
    return prepared, build_model(recipe, prepared.layout).eval()


def forgotten(rows: Block) -> Block:
    """Return the same rows of which nothing is known."""
    around = {
        name: Around(facts.block, torch.zeros_like(facts.positions), facts.relations) for name, facts in rows.around.items()
    }
    return replace(rows, around=around)


def test_what_is_known_stands_behind_the_columns(made: tuple[Prepared, MultiTaskModel]) -> None:
    prepared, model = made
    rows = block(prepared, "films", torch.tensor([1, 2, 30]))
    encoder = model.encoder.row_encoder("films")
    with torch.no_grad():
        found, without = model.encoder.block("films", rows), model.encoder.block("films", forgotten(rows))
    assert torch.equal(found[:, :, : encoder.width], without[:, :, : encoder.width])
    assert found.shape[2] == encoder.width + 4
    assert bool((found != without).any(2)[0, :2].all())
    assert torch.equal(found[:, 2], without[:, 2]), "nothing is known of the last film"


def test_tasks_read_it_and_those_that_may_not_do_not(made: tuple[Prepared, MultiTaskModel]) -> None:
    prepared, model = made

    def outputs(table: str, known: bool) -> dict[str, Tensor]:
        batch = gather(prepared, table, torch.arange(1, 60 if table == "ratings" else 31))
        if not known:
            batch = replace(batch, roles={name: forgotten(rows) for name, rows in batch.roles.items()})
        with torch.no_grad():
            return model.outputs(batch)

    assert not torch.equal(outputs("ratings", True)["like"], outputs("ratings", False)["like"])
    assert torch.equal(outputs("films", True)["genre"], outputs("films", False)["genre"]), "its `inputs` leave it out"


def test_candidates_read_it(made: tuple[Prepared, MultiTaskModel]) -> None:
    prepared, model = made
    rows = block(prepared, "films", torch.arange(31))
    with torch.no_grad():
        moved = (model.candidates("next", rows) - model.candidates("next", forgotten(rows))).abs().amax(1)
    assert bool((moved[1:29] > 0).any())
    assert not bool(moved[29:].any())


def test_every_part_has_a_name_and_learns(made: tuple[Prepared, MultiTaskModel]) -> None:
    prepared, model = made
    model.train()
    losses, present = model.losses([gather(prepared, "ratings", torch.arange(1, 300))], negatives(prepared))
    assert present.tolist() == [True, True, True, False, False]
    losses.sum().backward()
    names = {"graph films.known", "embeddings of thing"}
    assert names <= set(model.shared_parts())
    graph = model.encoder.graphs[":films/known"]
    assert all(p.grad is not None and bool(p.grad.any()) for n, p in graph.named_parameters() if n not in ("gain", "shift"))
    model.zero_grad()
    for embedding in model.embeddings():
        embedding.take()
    model.eval()


def negatives(prepared: Prepared) -> dict:
    from plait.data.negatives import NegativeSampler

    return {name: NegativeSampler(prepared, name, 8, 3).draw(0, 0) for name in ("next", "link")}
