"""A small shop for tests: visits of users to items, with gaps, ties and values that appear late."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from plait.schema import Category, Embedding, History, Id, Number, Schema, Split, Table, Task, Text, Time

__all__ = ["Characters", "Letters", "shop_schema", "write_shop"]


class Letters:
    """Encode a text as how often it holds a, b, c and d; remembers what it was asked."""

    dim = 4
    fingerprint = "letters"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, texts: list[str], tell: object = None) -> npt.NDArray[np.float16]:
        self.asked += texts
        return np.array([[t.count(c) for c in "abcd"] for t in texts], dtype=np.float16).reshape(-1, 4)


def write_shop(folder: Path, rows: int = 400) -> None:
    """Write visits.parquet, items.parquet and users.csv."""
    random = np.random.default_rng(7)
    items = 30
    price = np.exp(random.normal(2, 2, items))
    price[3], price[4] = np.nan, np.inf
    vectors = [None if i == 5 else [float(i), 1.0, -float(i)] for i in range(items)]
    tags = ["|".join(random.choice(["red", "blue", " green ", ""], i % 5)) or None for i in range(items)]
    pq.write_table(
        pa.table(
            {
                "item": [f"i{i}" for i in range(items)],
                "title": [None if i == 6 else " " if i == 7 else "abcd日本"[: i % 6] for i in range(items)],
                "tags": tags,
                "price": price,
                "vector": pa.array(vectors, pa.list_(pa.float32())),
            }
        ),
        folder / "items.parquet",
    )
    (folder / "users.csv").write_text(
        "user,age,town\n" + "\n".join(f"{u},{u % 7 * 10 if u % 4 else ''},t{u % 3}" for u in range(1, 21)) + "\n"
    )
    bought = np.where(random.random(rows) < 0.1, np.nan, random.random(rows) < 0.4)
    pq.write_table(
        pa.table(
            {
                "user": pa.array(random.integers(1, 23, rows).astype(np.float64)),
                "item": [None if i == 33 else f"i{i}" for i in random.integers(0, 34, rows)],
                "at": pa.array(random.integers(0, rows // 3, rows) * 3600 * 10**6, pa.timestamp("us")),
                "minutes": random.gamma(2, 3, rows),
                "pages": random.normal(20, 5, rows),
                "bought": pa.array(bought, from_pandas=True),
                "device": [["phone", "desk", f"old{i}"][min(i % 9, 2)] for i in range(rows)],
            }
        ),
        folder / "visits.parquet",
        row_group_size=128,
    )


def shop_schema(split: Split | None = None, **tasks: Task) -> Schema:
    """Describe the shop."""
    return Schema(
        tables={
            "visits": Table(source="visits.parquet", time="at", keys={"user": "users", "item": "items"}),
            "items": Table(source="items.parquet", id="item"),
            "users": Table(source="users.csv", id="user"),
        },
        features={
            "visits.minutes": Number(),
            "visits.pages": Number(),
            "visits.bought": Number(),
            "visits.device": Category(min_count=2),
            "visits.at": Time(),
            "items.item": Id(),
            "items.title": Text(),
            "items.tags": Category(separator="|", most=3),
            "items.price": Number(),
            "items.vector": Embedding(),
            "users.user": Id(),
            "users.age": Number(),
            "users.town": Category(),
            "users.recent": History(of="visits.item", last=3),
        },
        tasks=tasks
        or {
            "buy": Task(table="visits", kind="binary", label="bought"),
            "stay": Task(table="visits", kind="amount", label="minutes", sample_weight="1 + minutes / 10", group="device"),
            "next": Task(table="visits", kind="retrieval", label="item", where="bought = 1"),
            "tag": Task(table="items", kind="multilabel", label="tags", inputs=["items.title", "items.vector"]),
            "town": Task(table="users", kind="multiclass", label="town"),
        },
        split=split or Split(),
        seed=3,
    )


class Characters:
    """Read every character but blanks as a token; remembers what it was asked."""

    dim = 4
    fingerprint = "characters"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def read(
        self, texts: list[str], offsets: bool = False
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], npt.NDArray[np.int32] | None]:
        self.asked += texts
        found = [[(ord(c), i) for i, c in enumerate(text) if c != " "] for text in texts]
        ids = np.array([token for text in found for token, _ in text], np.int32)
        spans = np.array([(i, i + 1) for text in found for _, i in text], np.int32).reshape(-1, 2)
        return ids, np.array([len(text) for text in found], np.int64), spans if offsets else None
