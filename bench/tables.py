"""The tables of the benches: the full KDD census and a generated shop of 1,000,000 rows × 80 columns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from plait.data.samples import cache_folder, fetch

__all__ = ["CENSUS_NUMBERS", "census", "census_columns", "generated", "ready"]

CENSUS_NUMBERS = ("age wage_per_hour capital_gains capital_losses dividends num_persons_worked_for weeks_worked").split()
_NO_FEATURE = {"person_id", "part", "instance_weight", "income", "marital_status"}


def census() -> Path:
    """Return the Parquet file of the full census: 199,523 training rows, then 99,762 test rows."""
    return fetch("census", cache_folder()) / "people.parquet"


def census_columns(path: Path) -> list[str]:
    """Return the categorical inputs."""
    return [c for c in pq.read_schema(path).names if c not in _NO_FEATURE and c not in CENSUS_NUMBERS]


def generated(cache: Path, rows: int) -> Path:
    """Return a Parquet file of 18 categorical and 60 numeric columns and two labels, written at first use.

    Categories follow a Zipf law over 10 to 100,000 values; numbers are normal, log-normal, or mostly zero, 20 columns each;
    the labels are noisy functions of a third of the columns.
    """
    path = cache / f"generated-{rows}.parquet"
    if path.exists():
        return path
    cache.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(17)
    sizes = np.geomspace(10, 100_000, 18).astype(int)
    columns: dict[str, NDArray[Any]] = {}
    score = np.zeros((2, rows))
    for i, size in enumerate(sizes):
        codes = rng.zipf(1.3, rows) % size
        columns[f"c{i:02d}"] = codes
        if i % 3 == 0:
            score += rng.normal(0, 0.4, (2, size))[:, codes]
    for i in range(60):
        number = rng.normal(size=rows)
        if i % 3 == 0:
            score += np.sin(number * rng.normal()) * rng.normal(0, 0.3, (2, 1))
        columns[f"n{i:02d}"] = (
            number if i < 20 else np.exp(2 * number) if i < 40 else np.where(number > 1, np.exp(number), 0.0)
        )
    for i in range(2):
        columns[f"y{i}"] = (score[i] + rng.logistic(size=rows) > np.quantile(score[i], 0.9)).astype(np.int64)
    scratch = path.with_suffix(".part")
    pq.write_table(pa.table(columns), scratch, row_group_size=131_072)
    scratch.rename(path)
    return path


def ready(path: Path, folder: Path, categories: list[str], numbers: list[str], labels: list[str], train: int) -> Path:
    """Write the arrays that peers and the plain loop are given: codes, standardised numbers, labels.

    Args:
        path: the Parquet file.
        folder: where the arrays go; used again where they lie already.
        categories: names of the categorical columns.
        numbers: names of the numeric columns.
        labels: `column` (a 0/1 column) or `column=value`.
        train: how many rows, from the first, statistics are taken from.
    """
    if (folder / "about.json").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    table = pq.read_table(path)
    codes = np.empty((table.num_rows, len(categories)), np.int64)
    sizes = []
    for i, name in enumerate(categories):
        seen = pc.unique(table[name].slice(0, train))
        codes[:, i] = pc.fill_null(pc.index_in(table[name], seen), -1).to_numpy() + 1
        sizes.append(len(seen) + 1)
    values = np.stack([table[name].to_numpy() for name in numbers], axis=1).astype(np.float32)
    values = (values - values[:train].mean(0)) / values[:train].std(0)
    np.save(folder / "codes.npy", codes)
    np.save(folder / "numbers.npy", values)
    np.save(folder / "labels.npy", np.stack([_label(table, label) for label in labels], axis=1))
    (folder / "about.json").write_text(json.dumps({"sizes": sizes, "train": train}), encoding="utf-8")
    return folder


def _label(table: pa.Table, label: str) -> NDArray[np.float32]:
    column, equals, value = label.partition("=")
    found = table[column].to_numpy()
    return np.asarray(found == value if equals else found, dtype=np.float32)
