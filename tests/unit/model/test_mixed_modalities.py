"""What a task may not see leaves no trace where modalities are mixed, and sounds of one row are read once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image as Pillow
from tests.unit.data.media.test_vectors import Colours
from torch import Tensor

from plait.data.columns import Prepared
from plait.data.gather import Batch, gather
from plait.data.media.medium import MediaEncoders
from plait.data.prepare import prepare
from plait.encode.audio.log_mel import LogMel
from plait.model import MultiTaskModel
from plait.recipe import Recipe
from plait.run.build import build_model
from support.pictures import png
from support.tones import tone, wav


def recipe(fusion: str) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "items",
            "tables": {
                "items": {"source": "items.parquet", "id": "item"},
                "visits": {"source": "visits.parquet", "keys": {"item": "items"}},
            },
            "features": {
                "items.item": "id",
                "items.price": "number",
                "items.photo": "image",
                "items.jingle": "audio",
                "items.good": "ignore",
                "visits.bought": "ignore",
            },
            "tasks": {
                "good": {"table": "items", "kind": "binary", "label": "good"},
                "dear": {"table": "items", "kind": "binary", "label": "price > 20"},
                "unseen": {"table": "items", "kind": "binary", "label": "good", "inputs": ["items.price", "items.jingle"]},
                "buy": {"table": "visits", "kind": "binary", "label": "bought"},
            },
            "split": {"by": "random"},
            "model": {
                "sharing": {"kind": "shared_bottom", "layers": [8]},
                "tower": [],
                "audio": {"seconds": 0.2, "mels": 8, "hop": 50, "width": 4},
                "fusion": fusion,
            },
        }
    )


def ready(folder: Path, asked: Recipe) -> Prepared:
    items = {
        "item": [f"i{i}" for i in range(40)],
        "photo": [None if i == 3 else png(Pillow.new("RGB", (4, 4), (6 * i, 5, 0))) for i in range(40)],
        "jingle": pa.array([None if i == 4 else wav(tone(300 + 30 * i, 0.1)) for i in range(40)], pa.binary()),
        "price": [float(i) for i in range(40)],
        "good": [i % 2 for i in range(40)],
    }
    pq.write_table(pa.table(items), folder / "items.parquet")
    visits = {"item": [f"i{i % 7}" for i in range(60)], "bought": [i % 3 == 0 for i in range(60)]}
    pq.write_table(pa.table(visits), folder / "visits.parquet")
    media = MediaEncoders(Colours(), LogMel(asked.model.audio))
    return prepare(asked.schema_, folder, folder / "cache", media=media)


@pytest.fixture(params=["concat", "gated", "attention"])
def built(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[MultiTaskModel, Prepared]:
    asked = recipe(request.param)
    prepared = ready(tmp_path, asked)
    return build_model(asked, prepared.layout).eval(), prepared


def changed(batch: Batch, name: str) -> Batch:
    """Give the items of a batch other prices, pictures or sounds."""
    block = batch.roles["items"]
    if name == "price":
        block = replace(block, numbers=block.numbers.flip(0) + 1)
    elif name == "photo":
        block = replace(block, vectors={"items.photo": block.vectors["items.photo"].flip(0) + 1})
    else:
        block = replace(block, sounds={"items.jingle": block.sounds["items.jingle"].flip(0) + 1})
    return replace(batch, roles={"items": block})


@torch.no_grad()
def outputs(model: MultiTaskModel, batch: Batch) -> dict[str, Tensor]:
    return model.outputs(batch)


@pytest.mark.parametrize(
    ("name", "blind"),
    [("price", {"dear", "good"}), ("photo", {"unseen"}), ("jingle", set())],
    ids=["price", "photo", "jingle"],
)
def test_no_trace_of_what_is_hidden(built: tuple[MultiTaskModel, Prepared], name: str, blind: set[str]) -> None:
    model, prepared = built
    batch = gather(prepared, "items", torch.tensor([1, 2, 9, 30]))
    before, after = outputs(model, batch), outputs(model, changed(batch, name))
    same = {task for task in before if torch.equal(before[task], after[task])}
    assert same == blind


def test_a_batch_of_one_is_the_same_as_in_a_batch(built: tuple[MultiTaskModel, Prepared]) -> None:
    model, prepared = built
    rows = torch.tensor([4, 5, 9, 0])
    many = outputs(model, gather(prepared, "items", rows))
    for place in range(4):
        one = outputs(model, gather(prepared, "items", rows[place : place + 1]))
        assert all(torch.allclose(one[task][0], many[task][place], atol=1e-5) for task in many)


def test_sounds_of_a_row_are_read_once_however_often_it_stands_in_a_batch(built: tuple[MultiTaskModel, Prepared]) -> None:
    model, prepared = built
    rows = torch.arange(1, 61)
    block = gather(prepared, "visits", rows).roles["items"]
    assert "items.jingle" not in block.vectors
    assert block.sounds["items.jingle"].shape == (7, 8, 4)
    assert block.heard is not None
    assert np.unique(block.heard.numpy()).tolist() == list(range(7))
    bought = outputs(model, gather(prepared, "visits", rows))["buy"]
    torch.testing.assert_close(bought[:7], bought[7:14])
    assert gather(prepared, "visits", rows[:0]).roles["items"].sounds["items.jingle"].shape == (0, 8, 4)
    assert outputs(model, gather(prepared, "visits", rows[:0]))["buy"].shape[0] == 0


def test_the_network_of_sounds_is_shared_by_the_tasks(built: tuple[MultiTaskModel, Prepared]) -> None:
    model, prepared = built
    sounds = model.encoder.sounds
    assert sounds is not None
    shared = {id(p) for p in model.shared_tensors()}
    assert all(id(p) in shared for p in sounds.parameters())
    losses, present = model.train().losses([gather(prepared, "items", torch.arange(1, 30))], {})
    assert present.tolist() == [True, True, True, False]
    losses.sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in sounds.parameters())
    assert "sounds" in model.shared_parts()
