"""The pieces by themselves: feeding, embedding updates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bench.machine import best_of
from plait.data.batches import Batches, gather
from plait.data.prepare import prepare
from plait.encode.ids import FusedEmbedding
from plait.recipe import load_recipe
from plait.train.rows import RowAdagrad, RowAdam, gather_looked

__all__ = ["embeddings", "feeding"]


def feeding(recipe: dict[str, Any], cache: Path, batch: int, seconds: float) -> dict[str, float]:
    """Return rows per second of drawing batches with everything a model reads, labels included."""
    read = load_recipe(recipe)
    prepared = prepare(read.schema_, cache, cache / "prepared")
    table = next(iter(prepared.layout.tasks.values())).table
    batches = Batches(prepared, table, list(prepared.layout.tasks), "train", batch, 17)
    batches.rows(0, 0)
    number = iter(range(10**9))

    def draw() -> None:
        gather(prepared, table, batches.rows(0, next(number) % (len(batches) - 1)))

    return {"rows_per_second": batch / best_of(draw, seconds), "columns": float(prepared.tables[table].matrix.shape[1])}


def embeddings(
    seconds: float, tables: int = 26, rows: int = 100_000, width: int = 16, batch: int = 4096
) -> dict[str, float]:
    """Return rows per second of look-up, backward and update of `tables` embeddings, done four ways."""
    codes = torch.randint(1, rows, (batch, tables))
    grown = codes + torch.arange(tables) * rows
    found = {}
    fused = FusedEmbedding(tables * rows, width).train()
    for name, rule in (("plait_adagrad", RowAdagrad), ("plait_adam", RowAdam)):
        optimiser = rule(fused)

        def step(optimiser: RowAdagrad | RowAdam = optimiser) -> None:
            torch.autograd.backward(fused(grown).square().sum())
            looked = gather_looked(fused.take())
            assert looked is not None
            optimiser.step(looked, 0.01, torch.ones(()), None)

        found[name] = batch / best_of(step, seconds)
    several = nn.ModuleList([nn.Embedding(rows, width) for _ in range(tables)])
    adam = torch.optim.Adam(several.parameters(), fused=True)
    found["dense_tables_fused_adam"] = batch / best_of(lambda: _plain(several, codes, adam), seconds)
    sparse = nn.ModuleList([nn.Embedding(tables * rows, width, sparse=True)])
    adagrad = torch.optim.Adagrad(sparse.parameters())
    found["sparse_table_adagrad"] = batch / best_of(lambda: _plain(sparse, grown.view(-1, 1), adagrad), seconds)
    return found


def _plain(tables: nn.ModuleList, codes: Tensor, optimiser: torch.optim.Optimizer) -> None:
    found = [table(codes[:, i]) for i, table in enumerate(tables)]
    optimiser.zero_grad()
    torch.autograd.backward(torch.stack([vectors.square().sum() for vectors in found]).sum())
    optimiser.step()
