"""Every body, every history and every kind of task says the same from row vectors as from rows, and can be a graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

if TYPE_CHECKING:
    from plait.run.run import Run

BODIES: dict[str, dict[str, Any]] = {
    "separate": {},
    "shared_bottom": {},
    "cross_stitch": {},
    "mtan": {},
    "adapters": {},
    "mmoe": {},
    "ple": {"shared_experts": 2, "task_experts": 1, "expert": [8]},
    "adatt": {"task_experts": 1, "expert": [8]},
    "stem": {},
    "home": {"shared_experts": 1, "group_experts": 1, "meta": [8], "expert": [8]},
    "snr": {"subnetworks": 2},
    "pepnet": {"domain_features": ["users.town"], "personal_features": ["users.user_id", "films.film_id"]},
    "star": {"domain": "users.town"},
}
CHANGES: dict[str, dict[str, Any]] = {
    **{name: {"sharing": {"kind": name, **more}} for name, more in BODIES.items()},
    "star by item": {"sharing": {"kind": "star", "domain": "films.film_id"}},
    "one gate": {"sharing": {"kind": "mmoe", "gate": "one"}},
    "few experts": {"sharing": {"kind": "mmoe", "experts": 4, "gate": "dselect_k"}},
    "chosen per example": {"sharing": {"kind": "mmoe", "experts": 4, "gate": {"kind": "dselect_k", "per_example": True}}},
    "gru": {"history": {"kind": "gru", "layers": 2}},
    "transformer": {"history": {"kind": "transformer", "heads": 2}},
    "piecewise": {"numbers": "piecewise"},
}


def _changed(run: Run, changes: dict[str, Any]) -> Any:
    """Build the run's model with other settings and drawn weights, so that nothing stands at zero."""
    from plait.recipe import Recipe
    from plait.run.build import build_model

    settings = run.recipe.model_dump(mode="json")
    settings["model"] |= changes
    torch.manual_seed(0)
    model = build_model(Recipe.model_validate(settings), run.layout, None)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    return model.eval()


def _keep(scoring: Any, model: Any, run: Run, reading: Any) -> dict[str, torch.Tensor]:
    """Let first products be looked up, and return those of all films."""
    from plait.export.kept import Products
    from plait.export.onnx_graph import traced
    from plait.export.rows import Encoding

    module = Products(scoring)
    graph = traced(module, module.inputs).module()
    rows = Encoding(model, run.prepared, reading, [*scoring.tasks]).of_table("films")
    with torch.no_grad():
        made = graph(*(rows[known.tensor] for known in module.inputs))
    if not made:  # Some bodies read the joint input by no linear layer.
        return {}
    scoring.keep("kept", [product.shape[1] for product in made])
    return {"kept": torch.cat(made, dim=1)}


def _fed(
    run: Run, model: Any, reading: Any, scoring: Any, keys: dict[str, Any], more: dict[str, torch.Tensor]
) -> list[torch.Tensor]:
    from plait.export.feeding import Feeding
    from plait.export.rows import Encoding
    from plait.export.store import Store

    encoding = Encoding(model, run.prepared, reading, [*scoring.tasks])
    tables = {table: {n: t.numpy() for n, t in encoding.of_table(table).items()} for table in encoding.tables()}
    tables["films"] |= {name: tensor.numpy() for name, tensor in more.items()}
    events = run.prepared.histories
    feeding = Feeding(
        Store(tables),
        {name: known.items.numpy() for name, known in events.items()},
        {name: known.now.numpy().astype(np.int64) for name, known in events.items()},
        {name: known.last for name, known in events.items()},
    )
    found = feeding.feed(scoring.inputs, keys, {})
    return [torch.from_numpy(found[known.name]) for known in scoring.inputs]


def _says_the_same(run: Run, changes: str, *, keep: bool) -> None:
    from plait.export.onnx_graph import traced
    from plait.export.pairs import Pairs
    from plait.export.reading import Reading
    from plait.export.scoring import Scoring
    from plait.export.shape import shape_of

    model = _changed(run, CHANGES[changes])
    pairing = shape_of(run.layout).pairings[0]
    reading = Reading(run.layout, pairing.table, {pairing.user_key: True, pairing.item_key: False})
    items = torch.arange(31)
    assert pairing.retrieval is not None
    for tasks in (pairing.tasks,) if keep else (pairing.tasks, [pairing.retrieval]):
        scoring = Scoring(model, run.prepared, reading, tasks).eval()
        more = _keep(scoring, model, run, reading) if keep else {}
        graph = traced(scoring, scoring.inputs).module()
        for user in (0, 1, 7, 40):
            keys = {pairing.user_key: torch.full_like(items, user), pairing.item_key: items}
            meant = Pairs(model, run.prepared).outputs(pairing.table, keys, tasks)
            rows = {pairing.user_key: np.array([user]), pairing.item_key: items.numpy()}
            fed = _fed(run, model, reading, scoring, rows, more)
            with torch.no_grad():
                said = [graph(*fed)] if keep else [scoring(*fed), graph(*fed)]
            for found in said:
                for name, one in zip(tasks, found, strict=True):
                    torch.testing.assert_close(one.expand_as(meant[name]), meant[name], atol=2e-5, rtol=2e-5)


@pytest.mark.parametrize("changes", list(CHANGES))
def test_it_says_the_same_from_row_vectors(films_run: Run, changes: str) -> None:
    _says_the_same(films_run, changes, keep=False)


KEPT = ["shared_bottom", "ple", "star by item", "few experts"]


@pytest.mark.parametrize("changes", [c if c in KEPT else pytest.param(c, marks=pytest.mark.soak) for c in CHANGES])
def test_it_says_the_same_with_first_products_looked_up(films_run: Run, changes: str) -> None:
    _says_the_same(films_run, changes, keep=True)


def test_with_first_products_looked_up_no_item_is_read_in_full(films_run: Run) -> None:
    from plait.export.onnx_graph import traced
    from plait.export.reading import Reading
    from plait.export.scoring import Scoring

    model = _changed(films_run, {"sharing": {"kind": "mmoe", "experts": 3, "expert": [16, 8]}})
    reading = Reading(films_run.layout, "ratings", {"user_id": True, "film_id": False})
    scoring = Scoring(model, films_run.prepared, reading, ["like"])
    kept = _keep(scoring, model, films_run, reading)
    assert kept["kept"].shape == (31, 3 + 3 * 16), "a gate and three experts"
    program = traced(scoring, scoring.inputs)
    named = dict(zip(program.graph_signature.user_inputs, scoring.inputs, strict=True))
    program.graph.eliminate_dead_code()
    read = {named[node.name].name for node in program.graph.nodes if node.name in named and node.users}
    assert "kept" in read
    assert "role:films" not in read


def test_what_reads_the_user_is_computed_once(films_run: Run) -> None:
    from plait.export.onnx_graph import traced
    from plait.export.reading import Reading
    from plait.export.scoring import Scoring

    model = _changed(films_run, {"sharing": {"kind": "mmoe", "experts": 3, "expert": [16, 8]}})
    reading = Reading(films_run.layout, "ratings", {"user_id": True, "film_id": False})
    scoring = Scoring(model, films_run.prepared, reading, ["like"])
    graph = traced(scoring, scoring.inputs).graph
    width = model.encoder.width
    read = [node.args[0].meta["val"].shape for node in graph.nodes if node.target is torch.ops.aten.linear.default]
    assert not any(shape[-1] == width for shape in read), "no product should read the whole joint input"
    assert sum(shape[0] == 1 for shape in read) >= 4, "three experts and a gate read the user once"
