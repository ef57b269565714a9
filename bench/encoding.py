"""Texts per second with a frozen encoder, against sentence-transformers as it comes, and how alike the vectors are."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.peers import beside
from bench.plan import Plan
from bench.processes import ROOT, module
from bench.rounds import Contestant, race
from plait.encode.pretrained.find import find_model
from plait.encode.text.load import Pretrained, load_pretrained
from plait.encode.text.read import read_texts

__all__ = ["encoding"]

LIBRARIES = ("sentence-transformers", "plait", "matrix product")
PEER = "sentence-transformers==6.2.0"
_MODEL = "all-MiniLM-L6-v2"
_TOKENS = 256
_DATA = ROOT.parent / "shared" / "data"
_STEP = 8
"""What the number of texts is a multiple of."""
_LONG = 500
"""Characters from which on a review counts as long."""


def encoding(plan: Plan) -> dict[str, Any]:
    """Race on product titles and on long reviews, beside bf16 matrix products that take as many operations."""
    if not _DATA.is_dir():
        print(f"  no texts in {_DATA}: left out")
        return {}
    site, model = beside(plan.cache, PEER), find_model(_MODEL)
    loaded = load_pretrained(model)
    found: dict[str, Any] = {}
    for name, texts in (("titles", titles(plan.titles)), ("long reviews", reviews(plan.reviews))):
        path = plan.cache / f"{name.replace(' ', '-')}.json"
        path.write_text(json.dumps(texts), encoding="utf-8")
        tokens, work = arithmetic(loaded, texts)
        common: list[str | Path] = ["--model", model, "--texts", path, "--site", site, "--work", str(work)]
        common += ["--threads", str(plan.threads)]
        contestants = [_contestant(library, path, common) for library in LIBRARIES]
        rates = race(contestants, plan.rounds, 1e9, _STEP, plan.threads, len(texts))
        peer, own = (np.load(_out(path, library)) for library in LIBRARIES[:2])
        alike = (peer * own).sum(1) / np.linalg.norm(peer, axis=1) / np.linalg.norm(own, axis=1)
        ratio = rates["plait"]["best"] / rates["sentence-transformers"]["best"]
        found[name] = {
            "rates": rates,
            "texts": len(texts),
            "threads": plan.threads,
            "load": os.getloadavg()[0],
            "tokens": tokens,
            "flops": work,
            "ratio": ratio,
            "share": rates["plait"]["best"] / rates["matrix product"]["best"],
            "cosine_min": float(alike.min()),
            "cosine_mean": float(alike.mean()),
        }
        print(f"\n{name}: {len(texts):,} of {tokens:.0f} tokens ({work / 1e9:.2f} GFLOP a text)")
        for one, rate in rates.items():
            print(f"  {one:22} best {rate['best']:>8,.0f} texts/s  median {rate['median']:>8,.0f}")
        print(
            f"  {ratio:.2f} ×, {found[name]['share']:.0%} of the machine's matrix product, cosine at least {alike.min():.4f}"
        )
    return found


def titles(count: int) -> list[str]:
    """Return titles of products."""
    return _texts(_DATA / "chorus_search" / "products.parquet", "title")[:count]


def reviews(count: int) -> list[str]:
    """Return long reviews of books and films, half and half."""
    halves = [_texts(_DATA / "blitzer_reviews" / f"{name}.parquet", "review", _LONG) for name in ("books", "dvd")]
    return [text for half in halves for text in half[: count // 2]]


def arithmetic(loaded: Pretrained, texts: list[str]) -> tuple[float, float]:
    """Return the mean tokens of a text and the floating-point operations it takes without padding.

    A token takes two for each weight of a layer's matrices and 4·L·width a layer for the attention to L tokens.
    """
    lengths = read_texts(loaded, texts, _TOKENS).lengths.astype(np.float64)
    layers = loaded.model.config.num_hidden_layers
    weights = sum(w.numel() for name, w in loaded.model.named_parameters() if w.ndim == 2 and ".layer." in name)
    work = 2 * weights * lengths.sum() + 4 * layers * loaded.width * (lengths**2).sum()
    return float(lengths.mean()), float(work / len(texts))


def _texts(path: Path, column: str, least: int = 1) -> list[str]:
    found: pa.ChunkedArray = pq.read_table(path, columns=[column])[column]
    return [text for text in found.to_pylist() if text is not None and len(text) >= least]


def _contestant(library: str, texts: Path, common: list[str | Path]) -> Contestant:
    own: list[str | Path] = ["--library", library, "--out", _out(texts, library)]
    return Contestant(library, module("bench.contestants.encoder", *own, *common))


def _out(texts: Path, library: str) -> Path:
    return texts.with_name(f"{texts.stem}-{library}.npy")
