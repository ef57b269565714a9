"""The Caravan insurance customers as one table with readable columns."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from plait.data.samples.package import read_member

__all__ = ["PEOPLE", "PRODUCTS", "tables"]

PEOPLE = {
    "MOSTYPE": "subtype",
    "MAANTHUI": "houses",
    "MGEMOMV": "household_size",
    "MGEMLEEF": "age_class",
    "MOSHOOFD": "main_type",
    "MGODRK": "roman_catholic",
    "MGODPR": "protestant",
    "MGODOV": "other_religion",
    "MGODGE": "no_religion",
    "MRELGE": "married",
    "MRELSA": "living_together",
    "MRELOV": "other_relation",
    "MFALLEEN": "singles",
    "MFGEKIND": "without_children",
    "MFWEKIND": "with_children",
    "MOPLHOOG": "high_education",
    "MOPLMIDD": "medium_education",
    "MOPLLAAG": "low_education",
    "MBERHOOG": "high_status",
    "MBERZELF": "entrepreneur",
    "MBERBOER": "farmer",
    "MBERMIDD": "middle_management",
    "MBERARBG": "skilled_labour",
    "MBERARBO": "unskilled_labour",
    "MSKA": "social_class_a",
    "MSKB1": "social_class_b1",
    "MSKB2": "social_class_b2",
    "MSKC": "social_class_c",
    "MSKD": "social_class_d",
    "MHHUUR": "rented_house",
    "MHKOOP": "home_owner",
    "MAUT1": "one_car",
    "MAUT2": "two_cars",
    "MAUT0": "no_car",
    "MZFONDS": "public_health_insurance",
    "MZPART": "private_health_insurance",
    "MINKM30": "income_below_30",
    "MINK3045": "income_30_45",
    "MINK4575": "income_45_75",
    "MINK7512": "income_75_122",
    "MINK123M": "income_above_123",
    "MINKGEM": "average_income",
    "MKOOPKLA": "purchasing_power",
}
"""The 43 columns on the customer's neighbourhood; most are shares in ten classes."""

PRODUCTS = {
    "AWAPART": "third_party_private",
    "AWABEDR": "third_party_firm",
    "AWALAND": "third_party_farm",
    "APERSAUT": "car",
    "ABESAUT": "delivery_van",
    "AMOTSCO": "motorcycle",
    "AVRAAUT": "lorry",
    "AAANHANG": "trailer",
    "ATRACTOR": "tractor",
    "AWERKT": "farm_machine",
    "ABROM": "moped",
    "ALEVEN": "life",
    "APERSONG": "accident",
    "AGEZONG": "family_accident",
    "AWAOREG": "disability",
    "ABRAND": "fire",
    "APLEZIER": "boat",
    "AFIETS": "bicycle",
    "AINBOED": "contents",
    "ABYSTAND": "social_security",
    "Purchase": "caravan",
}
"""The 21 products. The surfboard policy, with three owners, cannot be measured and is left out, as are the premium classes
of the same policies, which would give the labels away."""


def tables(archive: Path) -> Iterator[tuple[str, pa.Table]]:
    """Yield `customers`: the neighbourhood, and 0 or 1 for each product."""
    raw = csv.read_csv(io.BytesIO(read_member(archive, "ISLP/data/Caravan.csv")))
    columns: dict[str, pa.ChunkedArray | pa.Array] = {"customer_id": pa.array(range(1, raw.num_rows + 1), pa.int32())}
    columns |= {name: raw[code].cast(pa.int16()) for code, name in PEOPLE.items()}
    for code, name in PRODUCTS.items():
        owned = pc.equal(raw[code], "Yes") if code == "Purchase" else pc.greater(raw[code], 0)
        columns[name] = owned.cast(pa.int8())
    yield "customers", pa.table(columns)
