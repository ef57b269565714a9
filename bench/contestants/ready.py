"""Ready-made arrays, so that what a peer does to raw tables is not part of its training rate."""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["Ready", "load", "options"]


@dataclass(frozen=True)
class Ready:
    """Columns as numbers that any library can read."""

    codes: NDArray[np.int64]
    """[rows, categorical columns], 0 = a value not seen in training."""
    numbers: NDArray[np.float32]
    """[rows, numeric columns], standardised."""
    labels: NDArray[np.float32]
    """[rows, 2]."""
    sizes: list[int]
    """Distinct codes per categorical column."""
    train: int
    """How many rows, from the first, are for training; the others are for testing."""


def load(folder: Path) -> Ready:
    """Read what `bench.tables` wrote."""
    about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
    codes, numbers, labels = (np.load(folder / f"{name}.npy") for name in ("codes", "numbers", "labels"))
    return Ready(codes, numbers, labels, about["sizes"], about["train"])


def options() -> argparse.Namespace:
    """Read the command line of a contestant."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", choices=["mmoe", "shared_bottom"], required=True)
    parser.add_argument("--batch", type=int, default=4096)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=0, help="train this many epochs and print the test AUCs instead")
    return parser.parse_args()
