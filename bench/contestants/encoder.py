"""An encoder of texts, as its own users call it: sentence-transformers with its defaults, or Plait's frozen one."""

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
    parser.add_argument("--library", choices=["plait", "sentence-transformers"], required=True)
    parser.add_argument("--site", type=Path, help="where sentence-transformers lies")
    parser.add_argument("--model", required=True)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="keeps the vectors of all texts")
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    texts: list[str] = json.loads(asked.texts.read_text(encoding="utf-8"))
    encode = plait(asked.model) if asked.library == "plait" else sentence_transformers(asked.model, asked.site)

    def turn(count: int) -> float:
        start = time.perf_counter()
        vectors = encode(texts[:count])
        seconds = time.perf_counter() - start
        if count == len(texts):
            np.save(asked.out, np.asarray(vectors, np.float32))
        return seconds

    take_turns(turn)


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
