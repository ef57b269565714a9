"""Hand-made prepared tables with known structure: a small shop of films, without files, SQL or a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from plait.data.columns import Columns, Events, Prepared
from plait.layout import FeatureLayout, Group, Layout, Role, TableLayout, TaskLayout

if TYPE_CHECKING:
    from plait.data.plan import Plan


def packed(codes: Tensor, keys: Tensor, numbers: Tensor) -> Tensor:
    """Pack codes, keys and numbers as a prepared table holds them, with row 0 before them."""
    rows = torch.cat([codes.int(), keys.int(), numbers.float().contiguous().view(torch.int32)], dim=1)
    return torch.cat([rows.new_zeros(1, rows.shape[1]), rows])


def shop(*, users: int = 40, films: int = 30, ratings: int = 600, seed: int = 0, ranking: bool = False) -> Prepared:
    """Make users, films and ratings: a user likes films of the same hidden kind.

    Tasks: `like` (binary) and `stars` (regression, unobserved in a third of the rows) on ratings, `kind` (multiclass) on
    films, `next` (retrieval) on ratings; with `ranking` also `order` on ratings, in lists of one user.
    """
    draw = torch.Generator().manual_seed(seed)
    who = torch.randint(users, (ratings,), generator=draw) + 1
    what = torch.randint(films, (ratings,), generator=draw) + 1
    hour = torch.rand(ratings, 2, generator=draw)
    taste, kind = torch.arange(users + 1) % 2, torch.arange(films + 1) % 2
    like = (taste[who] == kind[what]).float()
    stars = 2 + 2 * like + torch.rand(ratings, generator=draw)
    stars[torch.rand(ratings, generator=draw) < 1 / 3] = float("nan")
    nothing = torch.full((1,), float("nan"))
    part = torch.ones(ratings + 1, dtype=torch.uint8)
    part[0], part[-ratings // 5 :], part[-ratings // 10 :] = 0, 2, 3
    labels = {"like": like, "stars": stars, "next": torch.where(like > 0, 1.0, float("nan"))}
    if ranking:
        labels["order"] = like
    tables = {
        "ratings": Columns(
            layout=TableLayout(
                name="ratings", rows=ratings, codes=0, keys={"user": 0, "film": 1},
                targets={"user": "users", "film": "films"}, numbers=2,
                features=[FeatureLayout(name="ratings.hour", kind="number", numbers=[0, 1])],
            ),
            matrix=packed(torch.empty(ratings, 0), torch.stack([who, what], dim=1), hour),
            vectors={},
            labels={name: torch.cat([nothing, label])[:, None] for name, label in labels.items()},
            weights={"stars": torch.cat([torch.zeros(1), torch.rand(ratings, generator=draw)])},
            part=part,
        ),
        "users": _entities("users", users, taste, draw),
        "films": _entities("films", films, kind, draw, label="kind"),
    }  # fmt: skip
    past = _recent(who, what, part, users, last=5)
    return Prepared(
        folder=Path("nowhere"),
        layout=_layout({name: table.layout for name, table in tables.items()}, list(labels)),
        tables=tables,
        histories={"users.recent": past},
        plan=cast("Plan", None),
    )


def _entities(name: str, rows: int, kind: Tensor, draw: torch.Generator, label: str | None = None) -> Columns:
    """Make a table of an id, a category that half tells the kind, a number, and a text vector for films."""
    ids = torch.arange(rows) + 2
    hint = torch.where(torch.rand(rows, generator=draw) < 0.5, kind[1:], torch.randint(2, (rows,), generator=draw))
    layout = TableLayout(
        name=name, rows=rows, codes=2, numbers=1, vocabulary=1 + (rows + 1) + 3,
        features=[
            FeatureLayout(name=f"{name}.id", kind="id", slots=[0], first=1, size=rows + 1),
            FeatureLayout(name=f"{name}.hint", kind="category", slots=[1], first=rows + 2, size=3),
            FeatureLayout(name=f"{name}.size", kind="number", numbers=[0]),
        ],
    )  # fmt: skip
    matrix = packed(torch.stack([ids, hint + rows + 3], dim=1), torch.empty(rows, 0), torch.randn(rows, 1, generator=draw))
    labels = {} if label is None else {label: torch.cat([torch.full((1,), float("nan")), kind[1:].float()])[:, None]}
    part = torch.tensor([0] + [(1, 1, 1, 2, 3)[row % 5] for row in range(rows)], dtype=torch.uint8)
    vectors = {"films.title": torch.randn(rows + 1, 4, generator=draw).half()} if name == "films" else {}
    return Columns(layout=layout, matrix=matrix, vectors=vectors, labels=labels, weights={}, part=part)


def _recent(who: Tensor, what: Tensor, part: Tensor, users: int, last: int) -> Events:
    """Sort events by owner and time (here the row order), with spans strictly before each row."""
    order = torch.argsort(who, stable=True)
    owners = who[order]
    starts = torch.searchsorted(owners, torch.arange(users + 1))
    ends = torch.searchsorted(owners, torch.arange(users + 1), right=True)
    place = torch.empty_like(order)
    place[order] = torch.arange(order.numel())
    spans = torch.stack([torch.maximum(starts[who], place - last), place], dim=1)
    now = torch.stack([torch.maximum(starts, ends - last), ends], dim=1)
    now[0] = 0
    zero = torch.zeros(1, 2, dtype=torch.int32)
    owned = torch.stack([starts, ends], dim=1)
    owned[0] = 0
    return Events(
        items=what[order].int(),
        spans={"ratings": torch.cat([zero, spans.int()])},
        now=now.int(),
        last=last,
        times=order,
        owned=owned,
    )


def _layout(tables: dict[str, TableLayout], rated: list[str]) -> Layout:
    kinds = {"like": "binary", "stars": "regression", "next": "retrieval", "order": "ranking"}
    tasks = {
        name: TaskLayout.model_validate({
            "name": name, "kind": kinds[name], "table": "ratings", "mean": 3.5 if name == "stars" else 0.0,
            "target": "films" if name == "next" else None, "target_role": "films" if name == "next" else None,
            "group_key": "user" if name == "order" else None,
        })
        for name in rated
    }  # fmt: skip
    tasks["kind"] = TaskLayout(
        name="kind", kind="multiclass", table="films", classes=["calm", "wild"], class_rate=[0.5, 0.5]
    )
    seen = [name for name in rated if name != "next"]
    return Layout(
        tables=tables,
        roles=[
            Role(name="ratings", table="ratings"),
            Role(name="users", table="users"),
            Role(name="films", table="films"),
            Role(name="users.recent", table="films", history="users.recent"),
        ],
        paths={
            "ratings": {"ratings": [], "users": ["user"], "films": ["film"], "users.recent": ["user"]},
            "films": {"films": []},
        },
        tasks=tasks,
        groups=[
            Group(table="ratings", tasks=seen, roles=["ratings", "users", "films", "users.recent"]),
            Group(table="ratings", tasks=["next"], roles=["ratings", "users", "users.recent"]),
            Group(table="films", tasks=["kind"], roles=["films"]),
        ],
        histories={"users.recent": "ready"},
    )
