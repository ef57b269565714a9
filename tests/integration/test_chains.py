"""Chains through the command line on real tables, and the recipes of the how-to."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from support.command import plait

DATA = Path(__file__).parents[2].parent / "shared" / "data"
SMALL = {"model": {"width": 4, "sharing": {"kind": "mmoe", "experts": 2, "expert": [16]}, "tower": [8]}}
FEW = {"epochs": 1, "batch": 1024, "threads": 1}


def blocks() -> list[dict[str, Any]]:
    text = (Path(__file__).parents[2] / "docs" / "howto" / "chains.md").read_text(encoding="utf-8")
    return [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)]


def source(folder: str, name: str) -> Path:
    path = DATA / folder / name
    if not path.is_file():
        pytest.skip(f"the shared data are not here: {path}")
    return path


def scores(run: Path, table: Path, of: str) -> dict[str, np.ndarray]:
    plait("predict", run, "--table", table, "--out", run / "scores.parquet", "--of", of)
    found = pq.read_table(run / "scores.parquet")
    return {name: found[name].to_numpy() for name in found.column_names}


@pytest.mark.parametrize("number", range(1, len(blocks())))
def test_the_other_recipes_of_the_how_to_are_accepted(number: int) -> None:
    from plait.recipe import load_recipe

    more = blocks()[number]
    tables = {task["table"] for task in more["tasks"].values()}
    known = {parent for task in more["tasks"].values() for parent in np.atleast_1d(task.get("given", []))}
    roots = {name: {"table": min(tables), "kind": "binary", "label": name} for name in known - {*more["tasks"]}}
    load_recipe({
        "name": "shop",
        "tables": {name: {"source": f"{name}.parquet", "time": "at"} for name in tables},
        "tasks": roots | more["tasks"],
    })  # fmt: skip


@pytest.mark.parametrize("chain", ["esmm", "escm2"])
def test_visit_conversion_spend(tmp_path: Path, chain: str) -> None:
    mails = pq.read_table(source("hillstrom", "email.parquet"))
    pq.write_table(mails, tmp_path / "email.parquet")
    recipe = blocks()[0] | SMALL | {"train": {**FEW, "epochs": 2, "batch": 256, "learning_rate": 0.01}}
    recipe["tasks"]["buy"]["chain"] = chain
    (tmp_path / "mailing.yaml").write_text(yaml.safe_dump(recipe))
    assert "FAIL" not in plait("check", tmp_path / "mailing.yaml").stdout
    plait("train", tmp_path / "mailing.yaml", "--out", tmp_path / "run", "--no-alone")
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["tasks"]["visit"]["joint"]["auc"]["value"] > 0.55
    found = scores(tmp_path / "run", tmp_path / "email.parquet", "mails")
    assert (found["buy"] <= found["visit"]).all()
    assert abs(found["visit"].mean() - mails["visit"].to_numpy().mean()) < 0.03
    assert abs(found["buy"].mean() - mails["conversion"].to_numpy().mean()) < 0.006
    assert abs(found["spend"].mean() - mails["spend"].to_numpy().mean()) < 0.7


def test_cart_buy_next_to_each_other(tmp_path: Path) -> None:
    cart = pq.read_table(source("beibei_behaviours", "cart.parquet"))
    buy = pq.read_table(source("beibei_behaviours", "buy.parquet"))
    some = np.flatnonzero(cart["user_id"].to_numpy() < 800)
    pairs = cart.take(some)
    users, items = pairs["user_id"].to_numpy(), pairs["item_id"].to_numpy()
    bought = {(u, i) for u, i in zip(buy["user_id"].to_pylist(), buy["item_id"].to_pylist(), strict=True) if u < 800}
    draw = np.random.default_rng(0)
    other = draw.permutation(items)  # shown and neither carted nor bought: drawn
    carted = np.concatenate([np.ones(len(users)), np.zeros(len(users))]).astype(np.int64)
    label = [int((u, i) in bought) for u, i in zip(users.tolist(), items.tolist(), strict=True)] + [0] * len(users)
    table = pa.table({
        "user": np.concatenate([users, users]), "item": np.concatenate([items, other]), "carted": carted, "bought": label,
    })  # fmt: skip
    pq.write_table(table, tmp_path / "shown.parquet")
    recipe = {
        "name": "beibei",
        "tables": {
            "shown": {"source": "shown.parquet", "keys": {"user": "users", "item": "items"}},
            "users": {"of": "shown.user"},
            "items": {"of": "shown.item"},
        },
        "features": {"users.user": "id", "items.item": "id"},
        "tasks": {
            "cart": {"table": "shown", "kind": "binary", "label": "carted"},
            "buy": {"table": "shown", "kind": "binary", "label": "bought", "given": "cart", "chain": "aitm"},
        },
        "split": {"by": "random"},
        "train": FEW,
        **SMALL,
    }
    (tmp_path / "beibei.yaml").write_text(yaml.safe_dump(recipe))
    plait("train", tmp_path / "beibei.yaml", "--out", tmp_path / "run", "--set", "tasks.buy.chain.order=exact")
    found = scores(tmp_path / "run", tmp_path / "shown.parquet", "shown")
    assert (found["buy"] <= found["cart"]).all()
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert {*report["tasks"]["buy"]} >= {"joint", "alone", "gain"}
