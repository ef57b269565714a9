"""How long the parts of the model's input are."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plait.data.prepare import prepare
from plait.encode.row import RowEncoder
from plait.recipe import load_recipe
from plait.run.build import build_model


@pytest.mark.parametrize("width", [1, 96])
def test_given_vectors_enter_as_long_as_the_recipe_says(tmp_path: Path, width: int) -> None:
    place = [[float(row), 1.0, -float(row)] for row in range(20)]
    rows = pa.table({"place": pa.array(place, pa.list_(pa.float32())), "good": [row % 2 for row in range(20)]})
    pq.write_table(rows, tmp_path / "rows.parquet")
    recipe = load_recipe(
        {
            "name": "places",
            "tables": {"rows": {"source": "rows.parquet"}},
            "features": {"rows.place": "embedding", "rows.good": "ignore"},
            "tasks": {"good": {"table": "rows", "kind": "binary", "label": "good"}},
            "split": {"by": "random"},
            "model": {"vector_width": width},
        }
    )
    prepared = prepare(recipe.schema_, tmp_path, tmp_path / "cache")
    model = build_model(recipe, prepared.layout)
    assert [encoder.width for encoder in model.modules() if isinstance(encoder, RowEncoder)] == [width]
