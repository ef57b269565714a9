"""Examples per second with a language model that is tuned by low-rank adapters, against a plain loop on the same texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.encoding import arithmetic
from bench.plan import Plan
from bench.processes import ROOT, module
from bench.recipes import write
from bench.rounds import Contestant, race
from plait.encode.pretrained.find import find_model
from plait.encode.text.load import load_pretrained

__all__ = ["tuning"]

_DATA = ROOT.parent / "shared" / "data"
_MODEL = "all-MiniLM-L6-v2"
_TOKENS = 256
_BATCH = 32


def tuning(plan: Plan) -> dict[str, Any]:
    """Race on reviews, each of which is another text, and on visits of products, whose titles come up again and again."""
    if not _DATA.is_dir():
        print(f"  no texts in {_DATA}: left out")
        return {}
    loaded = load_pretrained(find_model(_MODEL))
    found: dict[str, Any] = {}
    for name, rows in (("reviews", _reviews()), ("visits", _visits())):
        path = plan.cache / f"tuning-{name}.parquet"
        pq.write_table(rows, path)
        texts = rows["text"].to_pylist()
        tokens, forward = arithmetic(loaded, texts)
        # Back to the activations is as much as forward; frozen weights get no gradient, adapters hardly count.
        work = 2 * forward * _distinct(texts)
        rates = race(_contestants(path, plan, texts, work), plan.rounds, 4 * plan.turn, _BATCH, plan.threads, len(texts))
        own, plain, cast = (rates[who]["best"] for who in ("plait", "plain loop", "plain loop, bf16"))
        found[name] = {"rates": rates, "rows": len(texts), "tokens": tokens, "flops": work, "threads": plan.threads}
        found[name] |= {"ratio": own / plain, "to_bf16": own / cast, "share": own / rates["matrix product"]["best"]}
        print(f"\n{name}: {len(texts):,} rows of {tokens:.0f} tokens, batches of {_BATCH}")
        for one, rate in rates.items():
            print(f"  {one:22} best {rate['best']:>7,.1f} examples/s  median {rate['median']:>7,.1f}")
        share = found[name]["share"]
        print(f"  {own / plain:.2f} ×, {own / cast:.2f} × the loop with bf16; {share:.0%} of the machine's matrix product")
    return found


def _distinct(texts: list[str]) -> float:
    """Return which share of the texts of a batch is another one."""
    order = np.random.default_rng(17).permutation(len(texts))
    batches = [order[start : start + _BATCH] for start in range(0, len(order), _BATCH)]
    return sum(len({texts[i] for i in some}) for some in batches) / len(texts)


def _reviews() -> pa.Table:
    """Reviews of instruments, and whether they praise."""
    rows = pq.read_table(_DATA / "amazon_instruments" / "reviews.parquet", columns=["reviewText", "overall"])
    texts = [text or "" for text in rows["reviewText"].to_pylist()]
    return pa.table({"text": texts, "label": [float(stars == 5) for stars in rows["overall"].to_pylist()]}).slice(0, 4096)


def _visits() -> pa.Table:
    """Visits of products by popularity (the n-th of a thousand comes up 1 / n as often as the first), with their titles."""
    titles = pq.read_table(_DATA / "chorus_search" / "products.parquet", columns=["title"])["title"].to_pylist()[:1000]
    draw = np.random.default_rng(17)
    chance = 1 / np.arange(1, len(titles) + 1)
    picked = draw.choice(len(titles), 4096, p=chance / chance.sum())
    return pa.table({"text": [titles[i] or "" for i in picked], "label": (picked % 2).astype(np.float32)})


def _contestants(path: Path, plan: Plan, texts: list[str], work: float) -> list[Contestant]:
    recipe = {
        "name": "tuning",
        "tables": {"rows": {"source": path.name}},
        "features": {"rows.text": "text"},
        "tasks": {"label": {"table": "rows", "kind": "binary", "label": "label", "inputs": ["rows.text"]}},
        "split": {"by": "random", "valid": 0.01, "test": 0.01},
        "model": {"sharing": "shared_bottom", "text": {"model": _MODEL, "tune": "lora", "max_tokens": _TOKENS}},
        "train": {"batch": _BATCH, "device": "cpu", "probes": 0},
    }
    kept = write(recipe, path.with_suffix(".yaml"))
    threads = ["--threads", str(plan.threads)]
    own = module("bench.contestants.plait_steps", "--recipe", kept, "--cache", plan.cache / "tuning", *threads)
    plain = module("bench.contestants.trainer", "--table", path, "--model", find_model(_MODEL), "--batch", str(_BATCH))
    plain += ["--tokens", str(_TOKENS), *threads]
    kept_texts = path.with_suffix(".json")
    kept_texts.write_text(json.dumps(texts), encoding="utf-8")
    limit = module("bench.contestants.encoder", "--library", "matrix product", "--work", str(work), "--texts", kept_texts)
    limit += ["--model", find_model(_MODEL), "--site", plan.cache, "--out", path.with_suffix(".npy"), *threads]
    return [
        Contestant("plain loop", plain),
        Contestant("plain loop, bf16", [*plain, "--bf16"]),
        Contestant("plait", own),
        Contestant("matrix product", limit),
    ]
