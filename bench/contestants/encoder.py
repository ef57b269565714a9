"""An encoder of texts, as its own users call it: sentence-transformers with its defaults, or Plait's frozen one.

Or none of them: matrix products that take as many operations, the limit of both.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.contestants.turns import take_turns

Encode = Callable[[Sequence[str]], Any]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--library", choices=["plait", "sentence-transformers", "matrix product"], required=True)
    parser.add_argument("--site", type=Path, help="where sentence-transformers lies")
    parser.add_argument("--model", required=True)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="keeps the vectors of all texts")
    parser.add_argument("--work", type=float, help="floating-point operations of a text")
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    texts: list[str] = json.loads(asked.texts.read_text(encoding="utf-8"))
    encode = _encoder(asked)

    def turn(count: int) -> float:
        start = time.perf_counter()
        vectors = encode(texts[:count])
        seconds = time.perf_counter() - start
        if count == len(texts) and vectors is not None:
            np.save(asked.out, np.asarray(vectors, np.float32))
        return seconds

    take_turns(turn)


def _encoder(asked: argparse.Namespace) -> Encode:
    if asked.library == "plait":
        return plait(asked.model)
    if asked.library == "matrix product":
        return products(asked.work)
    return sentence_transformers(asked.model, asked.site)


def products(work: float) -> Encode:
    rows, inner, columns = 4096, 512, 2048
    left, right = (torch.randn(*shape).bfloat16() for shape in ((rows, inner), (inner, columns)))

    def multiply(texts: Sequence[str]) -> None:
        for _ in range(max(1, round(work * len(texts) / (2 * rows * inner * columns)))):
            torch.mm(left, right)

    return multiply


def plait(model: str) -> Encode:
    from plait.encode.text.frozen import FrozenText
    from plait.encode.text.settings import Text

    return FrozenText(Text.Settings(model=model))


def sentence_transformers(model: str, site: Path) -> Encode:
    sys.path.append(str(site))
    from sentence_transformers import SentenceTransformer

    encoder: Encode = SentenceTransformer(model, device="cpu").encode
    return encoder


if __name__ == "__main__":
    main()
