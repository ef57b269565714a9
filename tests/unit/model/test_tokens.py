"""Heads of tokens in the model: states on the fly, nothing encoded that nobody reads, the same draw twice the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from plait.data.columns import Prepared
from plait.data.gather import Batch, gather
from plait.data.prepare import prepare
from plait.model import MultiTaskModel
from plait.recipe import Recipe, load_recipe
from plait.run.build import build_model, build_texts
from plait.train.supply import Supply
from support.notes import recipe_of, write_notes


class Notes:
    """Prepared notes and their model."""

    def __init__(self, folder: Path, kind: str = "bert", tune: str = "full", **changes: Any) -> None:
        encoder = folder / kind if (folder / kind).exists() else write_notes(folder, kind)
        self.recipe: Recipe = load_recipe(recipe_of(encoder, tune, **changes))
        self.prepared: Prepared = prepare(self.recipe.schema_, folder, folder / "cache", build_texts(self.recipe))
        self.model: MultiTaskModel = build_model(self.recipe, self.prepared.layout)

    def batch(self, rows: list[int], turn: int = 5) -> Batch:
        return replace(gather(self.prepared, "notes", torch.tensor(rows, dtype=torch.int64)), turn=turn)

    def encoded(self) -> list[int]:
        """Count from now on how many texts are encoded in each pass."""
        passes: list[int] = []
        assert self.model.encoder.texts is not None
        self.model.encoder.texts.body.register_forward_hook(lambda *call: passes.append(call[2].last_hidden_state.shape[0]))
        return passes


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
def test_every_task_has_a_loss_and_reaches_the_encoder(tmp_path: Path, kind: str) -> None:
    given = Notes(tmp_path, kind)
    losses, present = given.model.losses([given.batch([*range(1, 40)])], {})
    assert present.all()
    assert losses.isfinite().all()
    assert given.model.encoder.texts is not None
    for number, name in enumerate(given.model.names):
        given.model.zero_grad()
        losses[number].backward(retain_graph=True)
        reached = [p for p in given.model.encoder.texts.parameters() if p.grad is not None and p.grad.any()]
        assert len(reached) > 20, name


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
def test_any_number_of_rows(tmp_path: Path, kind: str) -> None:
    given = Notes(tmp_path, kind)
    given.model.eval()
    many = given.model.outputs(given.batch([*range(1, 30)], 0))
    one = given.model.outputs(given.batch([7], 0))
    assert torch.allclose(one["words"], many["words"][6:7], atol=1e-4)
    width = one["keys"].shape[1]
    assert torch.allclose(one["keys"], many["keys"][6:7, :width], atol=1e-4)
    for name, output in given.model.outputs(given.batch([], 0)).items():
        assert output.shape[0] == 0, name
    losses, present = given.model.losses([given.batch([7])], {})
    assert present.all() and losses.isfinite().all()


def test_a_row_without_a_label_counts_not_and_a_task_without_one_is_absent(tmp_path: Path) -> None:
    given = Notes(tmp_path)
    given.model.eval()
    known, _ = given.model.losses([given.batch([1, 2, 3])], {})
    more, _ = given.model.losses([given.batch([1, 2, 9, 3])], {})
    assert torch.isclose(known[0], more[0], atol=1e-5)
    _, present = given.model.losses([given.batch([9, 18])], {})
    assert present.tolist() == [False, True, True]


def test_the_same_draw_hides_the_same_tokens_and_another_draw_others(tmp_path: Path) -> None:
    given = Notes(tmp_path, tune="lora")
    given.model.eval()
    words = given.model.names.index("words")
    batch = given.batch([*range(1, 40)])
    first, again = (given.model.losses([batch], {})[0][words] for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, given.model.losses([replace(batch, turn=6)], {})[0][words])
    supply = [Supply(given.prepared, given.recipe.train, 1, 17, torch.device("cpu")) for _ in range(2)]
    turns = [[draw[0].batches[0].turn for draw in one.epoch(0, 0)] for one in supply]
    assert turns[0] == turns[1]
    assert len({*turns[0]}) == len(turns[0]) and 0 not in turns[0]
    assert [draw[0].batches[0].turn for draw in supply[0].epoch(0, 2)] == turns[0][2:]


def test_a_text_is_read_once_as_it_is_and_once_with_tokens_hidden(tmp_path: Path) -> None:
    tasks = recipe_of(tmp_path)["tasks"]
    for names in (["words"], ["keys", "good"]):
        given = Notes(tmp_path, tasks={name: tasks[name] for name in names})
        passes = given.encoded()
        given.model.losses([given.batch([*range(1, 20)])], {})
        assert sum(passes) == 19
        given.model.eval()
        passes.clear()
        given.model.outputs(given.batch([*range(1, 20)], 0))
        assert sum(passes) == 19


def test_a_frozen_encoder_gets_no_gradient_and_its_heads_do(tmp_path: Path) -> None:
    given = Notes(tmp_path, tune="frozen")
    losses, _ = given.model.losses([given.batch([*range(1, 30)])], {})
    losses.sum().backward()
    assert given.model.encoder.texts is not None
    assert all(p.grad is None for p in given.model.encoder.texts.parameters())
    assert all(p.grad is not None and p.grad.any() for p in given.model.head("keys").parameters())
