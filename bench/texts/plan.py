"""What one run of the bench on texts is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from bench.processes import ROOT

__all__ = ["CONTESTANTS", "DATA", "Plan"]

DATA = ROOT.parent / "shared" / "data"
CONTESTANTS = ("tf-idf", "dictionary", "untuned", "plain", "plait")
"""Word counts; phrases known from training; the encoder as it comes; the encoder fully tuned for each task alone by a plain
loop; Plait's one model. Each part of the bench has some of them."""


@dataclass(frozen=True)
class Plan:
    """What is run."""

    rows: int | None = None
    """How many rows all contestants are trained on; as many as the part says where not said."""
    validate: bool = False
    """Whether a part of the training rows is held out and tested on, and the test part left alone: to choose settings."""
    contestants: tuple[str, ...] = CONTESTANTS
    changes: tuple[str, ...] = ()
    """Overrides of Plait's recipe, as with `plait train --set`."""
    data: Path = field(default_factory=lambda: DATA)
    """Where the data sets lie that no package brings."""
    cache: Path = field(default_factory=lambda: Path("cache/bench/texts").resolve())
