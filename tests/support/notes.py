"""Notes in which phrases are marked, for tests of tasks of tokens: made in a moment, learned in a few steps."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from plait.encode.text.load import save_fresh
from plait.encode.text.new import learn_tokenizer
from support.encoders import tiny_model

PHRASES = ["battery life", "zoom", "lens", "screen", "sound quality", "remote control"]
_OTHERS = ["the", "is", "very", "good", "bad", "i", "like", "my", "camera", "with", "and", "poor"]


def notes(rows: int, seed: int = 0) -> pa.Table:
    """Make notes: words in no order, some with phrases that are marked; every ninth label is not known."""
    draw = random.Random(seed)
    texts, keys, good = [], [], []
    for row in range(rows):
        words = [draw.choice(_OTHERS) for _ in range(draw.randint(2, 6))]
        marked = draw.sample(PHRASES, draw.choice([0, 1, 1, 2]))
        for phrase in marked:
            words.insert(draw.randint(0, len(words)), phrase)
        texts.append(" ".join(words))
        keys.append(None if row % 9 == 8 else marked)
        good.append(int("good" in words))
    return pa.table({"note": [str(n) for n in range(rows)], "text": texts, "keys": keys, "good": good})


def write_notes(folder: Path, kind: str = "bert", rows: int = 240) -> Path:
    """Write notes.parquet, and a tiny encoder beside it; return the encoder's folder."""
    table = notes(rows)
    pq.write_table(table, folder / "notes.parquet")
    if kind != "bert":
        return tiny_model(folder / kind, kind)
    save_fresh(folder / kind, learn_tokenizer(table["text"].to_pylist(), "wordpiece", 100), 2, 32, 2, 64, 0)
    return folder / kind


def recipe_of(encoder: Path, tune: str = "full", **changes: Any) -> dict[str, Any]:
    """Describe the notes: phrases to mark, hidden tokens to guess, and one ordinary task."""
    tasks: dict[str, Any] = {
        "keys": {"table": "notes", "kind": "tagging", "text": "text", "label": "keys"},
        "good": {"table": "notes", "kind": "binary", "label": "good"},
    }
    if tune != "frozen":
        tasks["words"] = {"table": "notes", "kind": "masked", "text": "text"}
    rate = {} if tune == "frozen" else {"learning_rate": 0.003}
    return {
        "name": "notes",
        "tables": {"notes": {"source": "notes.parquet", "id": "note"}},
        "features": {"notes.text": "text"},
        "tasks": tasks,
        "model": {
            "width": 4,
            "sharing": {"kind": "mmoe", "experts": 2, "expert": [8]},
            "tower": [16],
            "text": {"model": str(encoder), "tune": tune, **rate},
        },
        "train": {"epochs": 2, "batch": 48, "learning_rate": 0.01, "threads": 1, "precision": "fp32", "probes": 0},
        **changes,
    }
