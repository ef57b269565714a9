"""Rows of prepared tables → the tensors of one batch, by row number only: no join, no loop over rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from plait.data.columns import Columns, Events, Prepared
from plait.data.graph import Edges
from plait.data.history import earlier
from plait.data.rules.ruled import Ruled
from plait.data.text.words import Tokens, Words, distinct

__all__ = ["Around", "Batch", "Block", "Past", "block", "gather", "hide"]


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of one table, gathered. `codes` and `numbers` are views into one gathered matrix."""

    codes: Int[Tensor, "B C"]
    """Codes of ids and categories into the table's fused embedding."""
    numbers: Float[Tensor, "B F"]
    """Standardised numbers."""
    vectors: Mapping[str, Float[Tensor, "B dim"]]
    """Text, picture and embedding features by name, float16."""
    rows: Int[Tensor, " B"]
    """The row numbers these are, 0 where there is no such row."""
    words: Mapping[str, Int[Tensor, " B"]] = field(default_factory=dict)
    """Text features whose encoder is in the model -> the place of each row's text in `texts`."""
    texts: Tokens | None = None
    """The distinct texts of these features; on the host, wherever the block is."""
    states: Float[Tensor, "tokens _"] | None = None
    """What the encoder made of each token of `texts`, where a task says something at tokens."""
    around: Mapping[str, "Around"] = field(default_factory=dict)
    """Graph features -> what is known of these rows; none in the blocks of neighbours."""
    sounds: Mapping[str, Float[Tensor, "U bands columns"]] = field(default_factory=dict)
    """Sounds that a network of the model reads: those of the distinct rows of the block, float16."""
    heard: Int[Tensor, " B"] | None = None
    """The place of each row's sounds in `sounds`; None where there are none."""

    def to(self, device: torch.device) -> "Block":
        """Return the same block on a device."""
        vectors = {name: vector.to(device, non_blocking=True) for name, vector in self.vectors.items()}
        return Block(
            codes=self.codes.to(device, non_blocking=True),
            numbers=self.numbers.to(device, non_blocking=True),
            vectors=vectors,
            rows=self.rows.to(device, non_blocking=True),
            words={name: places.to(device, non_blocking=True) for name, places in self.words.items()},
            texts=self.texts,
            around={name: facts.to(device) for name, facts in self.around.items()},
            sounds={name: sound.to(device, non_blocking=True) for name, sound in self.sounds.items()},
            heard=None if self.heard is None else self.heard.to(device, non_blocking=True),
        )


@dataclass(frozen=True, slots=True)
class Around:
    """What is known of some rows: the distinct rows that facts lead to, and where each fact leads among them."""

    block: Block
    """The distinct rows; its row 0 is the table's row 0, which stands for padding."""
    positions: Int[Tensor, "B K"]
    """Positions in `block`, 0 where there is no fact."""
    relations: Int[Tensor, "B K"]
    """The number of each fact's kind, 0 for none or an unknown one."""

    def to(self, device: torch.device) -> "Around":
        """Return the same facts on a device."""
        return Around(
            block=self.block.to(device),
            positions=self.positions.to(device, non_blocking=True),
            relations=self.relations.to(device, non_blocking=True),
        )


@dataclass(frozen=True, slots=True)
class Past:
    """What happened before each example: the distinct item rows of the batch, and where each event stands among them."""

    block: Block
    """The distinct rows; its row 0 is the table's row 0, which stands for padding."""
    positions: Int[Tensor, "B L"]
    """Positions in `block`, newest last, 0 = padding on the left."""

    def to(self, device: torch.device) -> "Past":
        """Return the same past on a device."""
        return Past(block=self.block.to(device), positions=self.positions.to(device, non_blocking=True))


@dataclass(frozen=True, slots=True)
class Batch:
    """Examples of one table with everything a model reads of them."""

    table: str
    """The table whose rows are the examples."""
    rows: Int[Tensor, " B"]
    """Their row numbers."""
    roles: Mapping[str, Block]
    """Every role of the table's paths that is no history."""
    items: Mapping[str, Int[Tensor, "B L"]]
    """History role -> item row numbers, newest last, 0 = padding on the left."""
    pasts: Mapping[str, Past]
    """History role -> the same with the items' rows gathered, each distinct one once."""
    labels: Mapping[str, Float[Tensor, "B slots"]]
    """Task -> labels; NaN in slot 0 where not observed. Tasks whose label is unknown for these rows are left out."""
    weights: Mapping[str, Float[Tensor, " B"]]
    """Task -> weight of each example, 0 where the label is not observed or does not count in this epoch."""
    groups: Mapping[str, Int[Tensor, " B"]]
    """Ranking task -> which list each example belongs to; an example without a list is a list of its own."""
    turn: int = 0
    """A number of its own for each batch of training, for what is drawn on the way; 0 in evaluation."""
    rules: Mapping[str, Ruled] = field(default_factory=dict)
    """Rule about a task of these examples -> what it forbids each of them."""

    def to(self, device: torch.device) -> "Batch":
        """Return the same batch on a device."""
        return Batch(
            table=self.table,
            rows=self.rows.to(device, non_blocking=True),
            roles={name: part.to(device) for name, part in self.roles.items()},
            items={name: part.to(device, non_blocking=True) for name, part in self.items.items()},
            pasts={name: part.to(device) for name, part in self.pasts.items()},
            labels={name: part.to(device, non_blocking=True) for name, part in self.labels.items()},
            weights={name: part.to(device, non_blocking=True) for name, part in self.weights.items()},
            groups={name: part.to(device, non_blocking=True) for name, part in self.groups.items()},
            turn=self.turn,
            rules={name: ruled.to(device) for name, ruled in self.rules.items()},
        )


def block(prepared: Prepared, table: str, rows: Int[Tensor, " B"]) -> Block:
    """Gather rows of one table, with what is known of them.

    Args:
        prepared: the prepared recipe.
        table: the table.
        rows: row numbers, int64; 0 gathers the row that stands for "no such row".
    """
    columns = prepared.tables[table]
    found = _unpack(columns, rows, columns.matrix.index_select(0, rows))
    graphs = [f.name for f in columns.layout.features if f.target is not None]
    return replace(found, around={name: _around(prepared, name, rows) for name in graphs}) if graphs else found


def gather(prepared: Prepared, table: str, rows: Int[Tensor, " B"], columns: Columns | None = None) -> Batch:
    """Gather everything a model reads of some examples.

    Args:
        prepared: the prepared recipe.
        table: the table whose rows are the examples.
        rows: their row numbers, int64.
        columns: where the example rows are not those of the prepared table but others read through the same plan. Their keys
            still lead into the prepared tables, and their histories are what was known of each owner before them.
    """
    layout = prepared.layout
    own = prepared.tables[table] if columns is None else columns
    walk = _Walk(prepared, own, rows)
    roles: dict[str, Block] = {}
    items: dict[str, Tensor] = {}
    pasts: dict[str, Past] = {}
    histories = {role.name: role for role in layout.roles if role.history is not None}
    for name, keys in layout.paths[table].items():
        role = histories.get(name)
        if role is None or role.history is None:
            roles[name] = walk.block(tuple(keys))
            continue
        events = prepared.histories[role.history]
        foreign = columns is not None or table not in events.spans
        items[name] = (
            _foreign_items(events, walk.rows(tuple(keys), foreign), own, rows)
            if foreign
            else _past_items(events, events.spans[table], rows)
        )
        pasts[name] = _past(prepared, role.table, items[name])
    labels, weights, groups = _labels(prepared, table, own, walk)
    rules = {name: own.rules[name].at(rows) for name in layout.rules if name in own.rules}
    return Batch(table, rows, roles, items, pasts, labels, weights, groups, rules=rules)


def hide(batch: Batch, hidden: Mapping[str, Bool[Tensor, " B"]]) -> Batch:
    """Return the same batch in which some labels do not count; they stay where they are, for tasks that are given this one.

    Args:
        batch: the batch.
        hidden: task -> which of its labels do not count.
    """
    if not hidden:
        return batch
    weights = {n: weight.masked_fill(hidden[n], 0.0) for n, weight in batch.weights.items() if n in hidden}
    return replace(batch, weights={**batch.weights, **weights})


class _Walk:
    """Follow keys from the example rows, gathering each table on the way once."""

    def __init__(self, prepared: Prepared, own: Columns, rows: Tensor) -> None:
        self._prepared = prepared
        self._foreign = prepared.tables[own.layout.name] is not own
        self._columns: dict[tuple[str, ...], Columns] = {(): own}
        self._rows: dict[tuple[str, ...], Tensor] = {(): rows}
        self._packed: dict[tuple[str, ...], Tensor] = {}

    def rows(self, keys: tuple[str, ...], foreign: bool = False) -> Tensor:
        """Return the row numbers that a path of keys leads to; foreign rows are no rows of the prepared table."""
        if not keys and foreign:
            return torch.zeros_like(self._rows[()])
        if keys not in self._rows:
            before, key = keys[:-1], keys[-1]
            packed = self.packed(before)
            layout = self._columns[before].layout
            self._columns[keys] = self._prepared.tables[layout.targets[key]]
            self._rows[keys] = packed[:, layout.keys[key]].long()
        return self._rows[keys]

    def packed(self, keys: tuple[str, ...]) -> Tensor:
        """Return the packed rows that a path of keys leads to."""
        if keys not in self._packed:
            rows = self.rows(keys)
            self._packed[keys] = self._columns[keys].matrix.index_select(0, rows)
        return self._packed[keys]

    def block(self, keys: tuple[str, ...]) -> Block:
        """Return the rows that a path of keys leads to."""
        packed = self.packed(keys)
        columns, rows = self._columns[keys], self._rows[keys]
        found = _unpack(columns, rows, packed)
        graphs = [f.name for f in columns.layout.features if f.target is not None]
        if not graphs:
            return found
        if not keys and self._foreign:
            rows = torch.zeros_like(rows) if columns.known is None else columns.known.index_select(0, rows)
        return replace(
            found, around={name: _around(self._prepared, name, rows, self._own_fact(name, keys)) for name in graphs}
        )

    def _own_fact(self, name: str, keys: tuple[str, ...]) -> tuple[Tensor, Tensor] | None:
        """Return where each example leads and its kind, where the examples are facts of this graph about these rows."""
        edges = self._prepared.graphs[name]
        own = self._columns[()]
        if own.layout.name != edges.keys.table or keys != (edges.keys.head,) or name not in own.relations:
            return None
        return self.rows((edges.keys.tail,)), own.relations[name].index_select(0, self._rows[()])


def _unpack(columns: Columns, rows: Tensor, packed: Int[Tensor, "B packed"]) -> Block:
    """Cut packed rows into codes and numbers without copying."""
    layout = columns.layout
    numbers = packed[:, layout.codes + len(layout.keys) :].view(torch.float32)
    shapes = {feature.name: feature.shape for feature in layout.features if feature.shape}
    vectors = {name: v.index_select(0, rows) for name, v in columns.vectors.items() if name not in shapes}
    places, texts = _texts(columns.words, rows)
    sounds, heard = _sounds(columns, shapes, rows)
    codes = packed[:, : layout.codes]
    return Block(codes, numbers, vectors, rows, words=places, texts=texts, sounds=sounds, heard=heard)


def _sounds(
    columns: Columns, shapes: Mapping[str, list[int]], rows: Int[Tensor, " B"]
) -> tuple[dict[str, Tensor], Tensor | None]:
    """Gather the sounds of the distinct rows, which are too long to be laid out for every row that has them."""
    if not shapes:
        return {}, None
    kept, places = torch.unique(rows, return_inverse=True)
    return {name: columns.vectors[name].index_select(0, kept).view(-1, *shape) for name, shape in shapes.items()}, places


def _texts(words: Mapping[str, Words], rows: Int[Tensor, " B"]) -> tuple[dict[str, Tensor], Tokens | None]:
    """Gather the distinct texts of some rows over all features, and where each row's texts are among them."""
    if not words:
        return {}, None
    found = {name: kept.numbers(rows) for name, kept in words.items()}
    texts, moved = distinct([words[name].tokens(numbers) for name, (numbers, _) in found.items()])
    places = {name: to.index_select(0, own) for (name, (_, own)), to in zip(found.items(), moved, strict=True)}
    return places, texts


def _foreign_items(events: Events, owners: Int[Tensor, " B"], own: Columns, rows: Int[Tensor, " B"]) -> Int[Tensor, "B L"]:
    """Return the newest items of examples from outside: those before their moment, all where they have none."""
    if own.times is None:
        return _past_items(events, events.now, owners)
    start, end = events.owned.index_select(0, owners).numpy().T
    end = earlier(events.times.numpy(), start, end, own.times.index_select(0, rows).numpy())
    span = torch.from_numpy(np.stack([np.maximum(start, end - events.last), end], axis=1))
    return _past_items(events, span, torch.arange(rows.shape[0]))


def _past_items(events: Events, spans: Int[Tensor, "rows 2"], rows: Int[Tensor, " B"]) -> Int[Tensor, "B L"]:
    """Return the newest items of each span, newest last, padded with 0 on the left."""
    span = spans.index_select(0, rows).long()
    if events.items.numel() == 0:
        return torch.zeros(rows.shape[0], events.last, dtype=torch.int64)
    places = span[:, 1:] + torch.arange(-events.last, 0)
    inside = places >= span[:, :1]
    found = events.items.index_select(0, places.clamp_(min=0).flatten()).view(places.shape)
    return found.long() * inside


def _past(prepared: Prepared, table: str, items: Int[Tensor, "B L"]) -> Past:
    """Gather each distinct item once; the first is row 0, also where no list is padded."""
    distinct, positions = _distinct(items)
    return Past(block=block(prepared, table, distinct), positions=positions)


def _around(
    prepared: Prepared, name: str, rows: Int[Tensor, " B"], own: tuple[Int[Tensor, " B"], Int[Tensor, " B"]] | None = None
) -> Around:
    """Gather the facts of some rows, each distinct neighbour once.

    Args:
        prepared: the prepared recipe.
        name: the graph feature.
        rows: row numbers.
        own: where the examples are facts themselves, where each leads and its kind: these are hidden, or a task would see
            the fact that it predicts.
    """
    edges = prepared.graphs[name]
    tails, relations = _facts(edges, rows)
    if own is not None:
        shown = (tails != own[0][:, None]) | (relations != own[1][:, None])
        tails, relations = tails * shown, relations * shown
    distinct, positions = _distinct(tails)
    columns = prepared.tables[edges.keys.target]
    found = _unpack(columns, distinct, columns.matrix.index_select(0, distinct))
    return Around(block=found, positions=positions, relations=relations)


def _facts(edges: Edges, rows: Int[Tensor, " B"]) -> tuple[Int[Tensor, "B K"], Int[Tensor, "B K"]]:
    """Return where the facts of each row lead and their kinds, as many columns as the row with most needs."""
    start, end = edges.starts.index_select(0, rows), edges.starts.index_select(0, rows + 1)
    most = int((end - start).max()) if rows.numel() else 0
    places = start[:, None] + torch.arange(most)
    inside = places < end[:, None]
    places = places.clamp_(max=max(edges.tails.numel() - 1, 0)).flatten()
    found = [values.index_select(0, places).view(inside.shape).long() * inside for values in (edges.tails, edges.relations)]
    return found[0], found[1]


def _distinct(rows: Int[Tensor, "B K"]) -> tuple[Int[Tensor, " U"], Int[Tensor, "B K"]]:
    """Return the distinct rows after row 0, and where each stands among them."""
    distinct, places = torch.unique(torch.cat([rows.new_zeros(1), rows.flatten()]), return_inverse=True)
    return distinct, places[1:].view(rows.shape)


def _labels(
    prepared: Prepared, table: str, own: Columns, walk: _Walk
) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor]]:
    """Gather labels, weights and lists of the tasks of a table."""
    rows = walk.rows(())
    labels: dict[str, Tensor] = {}
    weights: dict[str, Tensor] = {}
    groups: dict[str, Tensor] = {}
    for name, task in prepared.layout.tasks.items():
        if task.table != table or name not in own.labels:
            continue
        labels[name] = own.labels[name].index_select(0, rows)
        observed = ~labels[name][:, 0].isnan()
        if name in own.weights:
            weights[name] = torch.where(observed, own.weights[name].index_select(0, rows), 0.0)
        else:
            weights[name] = observed.float()
        if task.kind == "ranking" and task.group_key is not None:
            lists = walk.rows((task.group_key,))
            groups[name] = torch.where(lists > 0, lists, -rows)
    return labels, weights, groups
