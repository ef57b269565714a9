"""How long each bench may take: the full form and the smoke test."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bench.machine import threads

__all__ = ["FULL", "QUICK", "Plan"]


@dataclass(frozen=True)
class Plan:
    """Sizes and durations."""

    rounds: int
    """Turns of each contestant."""
    turn: float
    """Seconds of a turn."""
    piece: float
    """Seconds that a small piece is repeated."""
    rows: int
    """Rows of the generated table."""
    tables: tuple[Literal["census", "generated"], ...]
    """Those of the race."""
    peer_epochs: int
    """Epochs of the peer whose quality is the mark."""
    seeds: tuple[int, ...]
    """Of the final quality."""
    epochs: int
    """Of the final quality."""
    titles: int
    """Short texts to encode."""
    reviews: int
    """Long texts to encode."""
    threads: int = field(default_factory=threads)
    batch: int = 4096
    cache: Path = field(default_factory=lambda: Path("cache/bench").resolve())


FULL = Plan(
    rounds=3,
    turn=2.5,
    piece=2.0,
    rows=1_000_000,
    tables=("census", "generated"),
    peer_epochs=3,
    seeds=(17, 18, 19),
    epochs=6,
    titles=5000,
    reviews=1000,
)
QUICK = Plan(
    rounds=1,
    turn=0.5,
    piece=0.2,
    rows=100_000,
    tables=("census",),
    peer_epochs=0,
    seeds=(17,),
    epochs=1,
    titles=256,
    reviews=64,
)
