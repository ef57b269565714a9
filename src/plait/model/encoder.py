"""Batch → joint input of the body: every row encoded once, the roles side by side, what may not be seen absent."""

from collections.abc import Collection, Mapping, Sequence, Set
from itertools import pairwise
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from plait.data.batches import Around, Batch, Block, Past
from plait.data.negatives import Negatives
from plait.encode.audio.network import SoundEncoder
from plait.encode.graph import GraphEncoder
from plait.encode.history import HistoryEncoder
from plait.encode.row import RowEncoder
from plait.encode.text.live import LiveText
from plait.layout import FeatureLayout, Group, Layout, Role, TableLayout
from plait.model.texts import read_all, read_batch, read_blocks

__all__ = ["Encoder", "HistoryRole", "row_spans", "slot"]


def slot(name: str) -> str:
    """Turn a table, role or task name into a module name: no dots, and never the name of a method."""
    return ":" + name.replace(".", "/")


def row_spans(table: TableLayout, rows: RowEncoder, graphs: Mapping[str, GraphEncoder]) -> dict[str, tuple[int, int]]:
    """Return where each feature lies in the vectors of a table's rows; what is known of a row stands behind its columns.

    Args:
        table: the table.
        rows: the encoder of its columns.
        graphs: graph feature -> its encoder, of all tables.
    """
    spans, end = dict(rows.spans), rows.width
    for feature in table.features:
        if feature.target is not None:
            spans[feature.name] = (end, end + graphs[feature.name].width)
            end += graphs[feature.name].width
    return spans


@final
class HistoryRole(nn.Module):
    """Turn what happened before into one role vector.

    The item rows are encoded by their table's row encoder (each distinct row of the batch once), projected to a small width,
    gathered into sequences and pooled. The candidate of the example, where the task may see it, asks the question.
    """

    def __init__(self, rows: int, pool: HistoryEncoder, width: int) -> None:
        super().__init__()
        self.project = nn.Linear(rows, width)
        self.pool = pool
        self.width = width

    def forward(
        self, block: Float[Tensor, "U D"], positions: Int[Tensor, "B L"], query: Float[Tensor, "B D"] | None
    ) -> Float[Tensor, "B W"]:
        """Pool the rows at `positions` of `block`; position 0 is padding."""
        projected = self.project(block)
        items = projected.index_select(0, positions.flatten()).unflatten(0, positions.shape)
        asked = None if query is None else self.project(query)
        return self.pool(items, positions > 0, asked)


@final
class Encoder(nn.Module):
    """Everything before the body.

    Args:
        layout: how the prepared tables look.
        rows: one row encoder per table.
        histories: one per role that is a history.
        views: how many embedding views the body wants.
        texts: the text encoder, where it is a part of the model.
        states: the tables at whose rows' tokens tasks say something.
        graphs: one per graph feature; none where not said.
        sounds: reads the spectrograms of all tables, where there are any.

    Attributes:
        width: D, the length of the joint input.
        seats: role -> where it lies in the joint input.
        absent: what stands for roles and features that a task may not see, `[views, D]`.
    """

    def __init__(
        self,
        layout: Layout,
        rows: Mapping[str, RowEncoder],
        histories: Mapping[str, HistoryRole],
        views: int,
        texts: LiveText | None = None,
        states: Set[str] = frozenset(),
        graphs: Mapping[str, GraphEncoder] | None = None,
        sounds: SoundEncoder | None = None,
    ) -> None:
        super().__init__()
        self.layout = layout
        self.views = views
        self.rows = nn.ModuleDict({slot(name): encoder for name, encoder in rows.items()})
        self.histories = nn.ModuleDict({slot(name): module for name, module in histories.items()})
        self.graphs = nn.ModuleDict({slot(name): module for name, module in (graphs or {}).items()})
        self._spans = {name: row_spans(layout.tables[name], encoder, graphs or {}) for name, encoder in rows.items()}
        self.sounds = sounds
        widths = [self._width(role) for role in layout.roles]
        self.width = sum(widths)
        self.texts = texts
        self._states = states
        self.absent = nn.Parameter(torch.zeros(views, self.width))
        self.seats = dict(zip((r.name for r in layout.roles), _spans(widths), strict=True))

    def row_encoder(self, table: str) -> RowEncoder:
        """Return the encoder of a table's rows."""
        encoder = self.rows[slot(table)]
        assert isinstance(encoder, RowEncoder)
        return encoder

    def row_width(self, table: str) -> int:
        """Return the length of the vectors of a table's rows."""
        return max((stop for _, stop in self._spans[table].values()), default=0)

    def hidden_spans(self, role: Role, group: Group) -> list[tuple[int, int]]:
        """Return which parts of a role's vectors a group of tasks may not see."""
        return [span for name, span in self._spans[role.table].items() if f"{role.name}/{name}" in group.hidden]

    def block(self, table: str, block: Block, hidden: Collection[str] = ()) -> Float[Tensor, "views B D"]:
        """Encode rows of a table: their columns, and behind them what is known of each.

        Args:
            table: its name.
            block: the rows.
            hidden: features that must leave no trace where a row's modalities are mixed.
        """
        if self.texts is not None:
            block = read_blocks(self.texts, [block])[0]
        parts = [self._columns(table, block, hidden)]
        for feature in self.layout.tables[table].features:
            if feature.target is not None:
                known = self._known(feature, block.around[feature.name]).to(parts[0].dtype)
                parts.append(known.expand(self.views, -1, -1))
        return torch.cat(parts, dim=-1) if len(parts) > 1 else parts[0]

    def read(
        self, batches: Sequence[Batch], negatives: Mapping[str, Negatives]
    ) -> tuple[Sequence[Batch], Mapping[str, Negatives]]:
        """Return all that one step reads with its texts encoded, each distinct one once."""
        return read_all(self.texts, batches, negatives, self._states)

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, "views B D"]]:
        """Encode the rows of every role of a batch once, for all groups of tasks; of a history, its distinct item rows."""
        batch = read_batch(self.texts, batch, self._states)
        tables = {role.name: role.table for role in self.layout.roles}
        blocks = {**batch.roles, **{name: past.block for name, past in batch.pasts.items()}}
        return {role: self.block(tables[role], block) for role, block in blocks.items()}

    def joint_input(
        self, batch: Batch, group: Group, encoded: Mapping[str, Float[Tensor, "views B d"]]
    ) -> Float[Tensor, "views B D"]:
        """Lay the role vectors side by side as a group of tasks may see them."""
        parts: list[Tensor] = []
        size = batch.rows.shape[0]
        for role in self.layout.roles:
            start, stop = self.seats[role.name]
            absent = self.absent[:, None, start:stop]
            if role.name not in group.roles:
                parts.append(absent.expand(-1, size, -1))
            elif role.history is not None:
                parts.append(self._past(role, batch.pasts[role.name], group, encoded))
            else:
                parts.append(self._hide(role, group, batch.roles[role.name], encoded[role.name], absent))
        return torch.cat([part.to(parts[0].dtype) for part in parts], dim=-1) if len(parts) > 1 else parts[0]

    def parts(self) -> dict[str, list[nn.Parameter]]:
        """Return the parameters by the part of the encoder; tables of embeddings are parts of their own."""
        parts: dict[str, list[nn.Parameter]] = {}
        for name in self.layout.tables:
            if slot(name) not in self.rows:
                continue
            encoder = self.row_encoder(name)
            looked_up = [] if encoder.embedding is None else list(encoder.embedding.parameters())
            known = {id(p) for p in looked_up}
            parts[f"embeddings of {name}"] = looked_up
            parts[f"numbers and texts of {name}"] = [p for p in encoder.parameters() if id(p) not in known]
        if self.sounds is not None:
            parts["sounds"] = list(self.sounds.parameters())
        for role in self.layout.roles:
            if role.history is not None:
                parts[f"history {role.name}"] = list(self.histories[slot(role.name)].parameters())
        if self.texts is not None:
            parts["text encoder"] = list(self.texts.parameters())
        for name, module in self.graphs.items():
            parts[f"graph {name[1:].replace('/', '.')}"] = list(module.parameters())
        return {**parts, "absent": [self.absent]}

    def _columns(self, table: str, block: Block, hidden: Collection[str] = ()) -> Float[Tensor, "views B D"]:
        return self.row_encoder(table)(block.codes, block.numbers, {**block.vectors, **self._heard(block)}, hidden)

    def _known(self, feature: FeatureLayout, around: Around) -> Float[Tensor, "B W"]:
        """Pool what is known of some rows; columns that say what a task predicts are not read of neighbours."""
        assert feature.target is not None
        neighbours = self._columns(feature.target, around.block, feature.unread)[0]
        spans = self.row_encoder(feature.target).spans
        for start, stop in (spans[name] for name in feature.unread if name in spans):
            neighbours = neighbours.index_fill(1, torch.arange(start, stop, device=neighbours.device), 0)
        module = self.graphs[slot(feature.name)]
        assert isinstance(module, GraphEncoder)
        return module(neighbours, around.positions, around.relations)

    def _width(self, role: Role) -> int:
        if role.history is None:
            return self.row_width(role.table)
        module = self.histories[slot(role.name)]
        assert isinstance(module, HistoryRole)
        return module.width

    def _heard(self, block: Block) -> dict[str, Float[Tensor, "B W"]]:
        """Read the sounds of a block, those of each distinct row once."""
        if self.sounds is None or block.heard is None:
            return {}
        return {name: self.sounds(sounds).index_select(0, block.heard) for name, sounds in block.sounds.items()}

    def _hide(
        self,
        role: Role,
        group: Group,
        block: Block,
        vector: Float[Tensor, "views B d"],
        absent: Float[Tensor, "views 1 d"],
    ) -> Float[Tensor, "views B d"]:
        encoder, spans = self.row_encoder(role.table), self._spans[role.table]
        names = [name for name in {**spans, **dict.fromkeys(encoder.given)} if f"{role.name}/{name}" in group.hidden]
        if names and encoder.mixes:
            # What is mixed cannot be taken out afterwards: the rows are encoded once more without it.
            vector = self.block(role.table, block, names)
        hidden = [spans[name] for name in names if name in spans]
        if not hidden:
            return vector
        mask = torch.zeros(vector.shape[-1], dtype=torch.bool, device=vector.device)
        for start, stop in hidden:
            mask[start:stop] = True
        return torch.where(mask, absent.to(vector.dtype), vector)

    def _past(
        self, role: Role, past: Past, group: Group, encoded: Mapping[str, Float[Tensor, "views B d"]]
    ) -> Float[Tensor, "views B W"]:
        module = self.histories[slot(role.name)]
        block = encoded[role.name][0]
        asking = [r.name for r in self.layout.roles if r.table == role.table and r.history is None]
        query = next((encoded[name][0] for name in asking if name in group.roles and name in encoded), None)
        pooled: Tensor = module(block, past.positions, query)
        return pooled.expand(self.views, -1, -1)

    def __call__(self, batch: Batch) -> dict[str, Float[Tensor, "views B D"]]:
        """Call `forward`; declared again so that a caller gets checked types."""
        return super().__call__(batch)  # type: ignore[no-any-return]


def _spans(widths: Sequence[int]) -> list[tuple[int, int]]:
    """Return where each of several widths starts and stops when laid side by side."""
    ends = torch.tensor([0, *widths]).cumsum(0).tolist()
    return list(pairwise(ends))
