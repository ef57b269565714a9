"""Graph tables: which facts lead from each row to which, as lists by row number; and their way to the disk and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from torch import Tensor

from plait.data.files import file_name, read_parquet, write_parquet
from plait.data.seeds import generator
from plait.data.values import flat
from plait.errors import RecipeError, nearest
from plait.schema import Graph, Schema, Table

__all__ = ["Edges", "FactKeys", "fact_keys", "lists", "load_edges", "save_edges", "tables_of_tails"]

Ints = npt.NDArray[np.int32]
_FOLDER: Final = "graphs"


@final
@dataclass(frozen=True, slots=True)
class FactKeys:
    """Where a graph feature finds its facts.

    Attributes:
        table: the graph table.
        head: its key that says whose fact it is.
        tail: its key that says where the fact leads.
        target: the table it leads to.
    """

    table: str
    head: str
    tail: str
    target: str


@final
@dataclass(frozen=True, slots=True)
class Edges:
    """One prepared graph feature: the facts of every row, at most `most` of each."""

    keys: FactKeys
    starts: Tensor
    """int64 [rows + 2]: where each row's facts start; row 0 has none."""
    tails: Tensor
    """int32 [facts]: row numbers in the target table."""
    relations: Tensor
    """int32 [facts]: number of the kind of fact, from 1; 0 is none or unknown."""


def fact_keys(schema: Schema, name: str, graph: Graph) -> FactKeys:
    """Find the graph table of a feature and its keys.

    Raises:
        RecipeError: if there is no such table, or it has no such keys.
    """
    facts, _, tail = graph.of.partition(".")
    owner = name.partition(".")[0]
    if facts not in schema.tables:
        raise RecipeError(
            f"Graph `{name}`: `of: {graph.of}` should be `table.key`; there is no table `{facts}`."
            f"{nearest(facts, list(schema.tables))}"
        )
    keys = schema.tables[facts].keys
    if tail not in keys:
        raise RecipeError(
            f"Graph `{name}`: `of: {graph.of}` should name a key of table `{facts}`. Its keys are {list(keys)}."
            f"{nearest(tail, list(keys))}"
        )
    heads = [key for key, target in keys.items() if target == owner and key != tail]
    if graph.head is not None and graph.head not in heads:
        raise RecipeError(
            f"Graph `{name}`: `head: {graph.head}` should be a key of table `{facts}` that points at `{owner}` and is not "
            f"`{tail}`. Found {heads}.{nearest(graph.head, heads)}"
        )
    if not heads:
        raise RecipeError(
            f"Graph `{name}`: table `{facts}` should have a key to `{owner}` beside `{tail}`, to say whose facts these are. "
            f"Its keys are {keys}."
        )
    return FactKeys(facts, graph.head or heads[0], tail, keys[tail])


def tables_of_tails(tables: Mapping[str, Any], features: Mapping[str, Any]) -> dict[str, Any]:
    """Make a table of the values of every column that a graph leads to and that is no key; return all tables.

    The table is named like the column, or like both where that name is taken.

    Args:
        tables: the tables as a recipe gives them: settings, or dictionaries.
        features: the features as a recipe gives them.
    """
    found = dict(tables)
    for feature in features.values():
        of = feature.of if isinstance(feature, Graph) else None
        if isinstance(feature, dict) and feature.get("kind") == "graph":
            of = feature.get("of")
        facts, dot, tail = of.partition(".") if isinstance(of, str) else ("", "", "")
        described = found.get(facts)
        keys = described.keys if isinstance(described, Table) else (described or {}).get("keys") or {}
        if not dot or not tail or described is None or not isinstance(keys, Mapping) or tail in keys:
            continue
        name = tail if tail not in found else f"{facts}_{tail}"
        keys = {**keys, tail: name}
        found[facts] = (
            described.model_copy(update={"keys": keys}) if isinstance(described, Table) else {**described, "keys": keys}
        )
        found[name] = {"of": of, "id": tail}
    return found


def lists(
    heads: Ints, tails: Ints, relations: Ints, counts: npt.NDArray[np.bool_], rows: int, most: int, draw: tuple[int, str]
) -> tuple[Tensor, Tensor, Tensor]:
    """Lay the facts of every row behind each other; a fact that stands twice counts once.

    Of a row with more than `most` facts, those with the smallest of random numbers stay, which follow from the seed and the
    feature's name alone.

    Args:
        heads: whose fact, row numbers, 0 for none.
        tails: where it leads, row numbers, 0 for none.
        relations: of which kind, from 0.
        counts: which facts count.
        rows: rows of the heads' table.
        most: how many facts of a row are kept.
        draw: the recipe's seed and the feature's name.

    Returns:
        starts int64 [rows + 2], tails int32 [facts], relations int32 [facts].
    """
    chosen = np.flatnonzero(counts & (heads > 0) & (tails > 0))
    facts = np.unique(np.stack([heads[chosen], relations[chosen], tails[chosen]], axis=1), axis=0)
    priority = torch.rand(len(facts), generator=generator(draw[0], "graph", draw[1])).numpy()
    facts = facts[np.lexsort((priority, facts[:, 0]))]
    starts = np.searchsorted(facts[:, 0], np.arange(rows + 2))
    place = np.arange(len(facts)) - starts[facts[:, 0]]
    facts = facts[place < most]
    starts = np.searchsorted(facts[:, 0], np.arange(rows + 2)).astype(np.int64)
    columns = np.ascontiguousarray(facts.T.astype(np.int32))
    return torch.from_numpy(starts), torch.from_numpy(columns[2]), torch.from_numpy(columns[1])


def save_edges(name: str, edges: Edges, folder: Path) -> None:
    """Write one prepared graph feature."""
    place = folder / _FOLDER / file_name(name)
    place.mkdir(parents=True, exist_ok=True)
    facts = pa.table({"tail": pa.array(edges.tails.numpy()), "relation": pa.array(edges.relations.numpy())})
    write_parquet(facts, place / "facts.parquet")
    write_parquet(pa.table({"start": pa.array(edges.starts.numpy())}), place / "starts.parquet")
    keys = edges.keys
    (place / "graph.json").write_text(json.dumps([keys.table, keys.head, keys.tail, keys.target]))


def load_edges(name: str, folder: Path) -> Edges:
    """Read what `save_edges` wrote."""
    place = folder / _FOLDER / file_name(name)
    facts = read_parquet(place / "facts.parquet")
    return Edges(
        FactKeys(*json.loads((place / "graph.json").read_text())),
        _tensor(read_parquet(place / "starts.parquet"), "start"),
        _tensor(facts, "tail"),
        _tensor(facts, "relation"),
    )


def _tensor(table: pa.Table, column: str) -> Tensor:
    # A copy, because torch wants memory that it may write to.
    return torch.from_numpy(np.array(flat(table.column(column)).to_numpy(zero_copy_only=False)))
