"""Tables to tensors: relate, split, label, seat, fit, pack, look back, store. Done once for the same content."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from plait.data.columns import Columns, Events, Prepared
from plait.data.engine import Engine
from plait.data.examples import Examples, read_examples
from plait.data.facts import Facts, knowledge, read_facts
from plait.data.files import appearing, mapped_matrix, write_manifest
from plait.data.graph import fact_keys, save_edges
from plait.data.history import Timeline
from plait.data.labels import holds
from plait.data.media.cells import folder_of
from plait.data.media.features import keep_pictures, media_state
from plait.data.media.medium import MediaEncoders
from plait.data.pack import matrix_shape, pack
from plait.data.parts import assign
from plait.data.plan import Plan
from plait.data.relations import Relations, relate
from plait.data.rules.judge import rules_of
from plait.data.rules.reading import rule_columns
from plait.data.rules.ruled import save_rules
from plait.data.scratch import Scratch
from plait.data.seats import Seats, arrange, history_keys
from plait.data.slots import Seen, Slotted, most_slots
from plait.data.store import load, matrix_file, save_columns, save_events, write_raw
from plait.data.table import Packing, fit_table, lay_out, vectors, words
from plait.data.text.joint import joint_columns, joint_texts, need_parts, reached
from plait.data.text.tags import lay_tags, tagged
from plait.data.text.vectors import TextEncoder
from plait.data.text.words import TokenReader
from plait.errors import CorruptError
from plait.layout import Layout, TableLayout
from plait.progress import Tell
from plait.schema import Graph, History, Id, Schema, Task, Text

__all__ = ["load", "open_tables", "prepare"]

_FORMAT: Final = 7
Parts = dict[str, npt.NDArray[np.uint8]]


def prepare(
    schema: Schema,
    base: Path,
    cache: Path,
    texts: TextEncoder | TokenReader | None = None,
    tell: Tell | None = None,
    memory: int = 4 << 30,
    media: MediaEncoders | None = None,
) -> Prepared:
    """Prepare all tables of a schema, or open what was prepared before where nothing changed.

    Args:
        schema: what columns mean and what is predicted.
        base: the folder that relative sources start from.
        cache: the folder that holds prepared folders, one per content, and encoded texts.
        texts: reads text features: as vectors, or as tokens for an encoder inside the model.
        tell: reports progress: what, how much is done, how much there is.
        memory: a table whose packed matrix has more bytes is written memory-mapped, in batches of rows.
        media: reads pictures and sounds.

    Returns:
        The prepared tables.

    Raises:
        RecipeError: if the schema asks for something that cannot be.
        DataError: if a table does not hold what the schema says.
        PlaitError: if the disk is full.
    """
    with Engine(base) as engine:
        open_tables(engine, schema)
        folder = cache / _content(engine, schema, base, texts, media)
        if folder.exists():
            try:
                return load(folder)
            except CorruptError:
                # The sources are at hand, so what was damaged is made again.
                shutil.rmtree(folder)
        with appearing(folder) as temporary:
            prepared = _Preparation(engine, schema, temporary, base, texts, media, tell, memory).run(folder)
            write_manifest(temporary)
        return prepared


def open_tables(engine: Engine, schema: Schema) -> None:
    """Open all tables, those `of` another's column last, and check that the columns the schema names exist."""
    for name, table in sorted(schema.tables.items(), key=lambda t: t[1].of is not None):
        engine.open(name, table)
    for name, table in schema.tables.items():
        for column in [table.id, table.time, *table.keys]:
            if column is not None:
                engine.need(name, column, f"`tables.{name}`")
    for name, feature in schema.features.items():
        table_name, _, column = name.partition(".")
        if isinstance(feature, Text) and feature.of is not None:
            need_parts(engine, schema, name)
        elif isinstance(feature, Graph):
            fact_keys(schema, name, feature)
        elif table_name in schema.tables and not isinstance(feature, History) and feature.kind != "ignore":
            engine.need(table_name, column, f"Feature `{name}`")


def _content(
    engine: Engine, schema: Schema, base: Path, texts: TextEncoder | TokenReader | None, media: MediaEncoders | None
) -> str:
    """Hash everything that a prepared folder depends on, the files that its pictures and sounds lie in among them."""
    states = {} if media is None else media_state(engine, schema, base, media)
    reads = texts is not None and any(isinstance(f, Text) for f in schema.features.values())
    parts = {
        "plait": version("plait"),
        "format": _FORMAT,
        "schema": schema.model_dump(mode="json"),
        "files": {name: engine.origin(name) for name in schema.tables},
        "texts": [texts.fingerprint, texts.dim, isinstance(texts, TokenReader)] if reads and texts is not None else None,
        **({"media": states} if states else {}),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]


class _Preparation:
    """The state of one `prepare`."""

    def __init__(
        self,
        engine: Engine,
        schema: Schema,
        folder: Path,
        base: Path,
        texts: TextEncoder | TokenReader | None,
        media: MediaEncoders | None,
        tell: Tell | None,
        memory: int,
    ) -> None:
        self.engine = engine
        self.schema = schema
        self.folder = folder
        self.base = base
        self.texts = texts
        self.media = media
        self.tell = tell
        self.memory = memory

    def run(self, final_folder: Path) -> Prepared:
        schema = self.schema
        mentioned = {name: self._names(name, task) for name, task in schema.tasks.items() if task.table in schema.tables}
        seats = arrange(schema, mentioned)
        relations = relate(self.engine, schema)
        parts = assign(self.engine, schema, relations)
        parts |= {name: np.ones_like(parts[name]) for name in knowledge(schema)}
        facts = read_facts(self.engine, schema, seats, relations, parts, mentioned)
        examples = {
            table: read_examples(self.engine, schema, table, relations.keys[table], part, seats)
            for table, part in parts.items()
        }
        known = {n: examples[t.table].layouts[n] for n, t in schema.tasks.items()}
        rules = rules_of(self.engine, schema, relations, known)
        save_rules(rules.ruled, rules.kinds, self.folder)
        packings: dict[str, Packing] = {}
        tables: dict[str, Columns] = {}
        for name in schema.tables:
            packings[name], tables[name] = self._table(name, seats, relations, parts, examples[name], facts)
            tables[name] = replace(tables[name], rules=rules.of(name))
        histories = {
            role.history: self._history(role.history, seats, relations, parts)
            for role in seats.roles
            if role.history is not None
        }
        for history, events in histories.items():
            save_events(history, events, self.folder)
        for graph, edges in facts.edges.items():
            save_edges(graph, edges, self.folder)
        notes = relations.notes + facts.notes + [note for e in examples.values() for note in e.notes]
        notes += [note for packing in packings.values() for note in packing.notes]
        layout = Layout(
            tables={n: t.layout for n, t in tables.items()},
            roles=seats.roles,
            paths=seats.paths,
            tasks={n: examples[t.table].layouts[n] for n, t in schema.tasks.items()},
            groups=seats.groups,
            histories=dict.fromkeys(histories, "ready"),
            rules=rules.layouts,
        )
        plan = self._plan(layout, packings, relations, facts, notes)
        plan.save(self.folder)
        for name in relations.ids:
            write_raw(name, self._outside(name), self.folder, joint_columns(schema, name) | rule_columns(schema, name))
            keep_pictures(self.engine, schema, name, packings[name].folder, self.folder)
        return Prepared(final_folder, layout, tables, histories, plan, graphs=facts.edges, rule_kinds=rules.kinds)

    def _table(
        self, name: str, seats: Seats, relations: Relations, parts: Parts, examples: Examples, facts: Facts
    ) -> tuple[Packing, Columns]:
        features = {
            f: self.schema.features[f]
            for f in seats.features
            if f.partition(".")[0] == name and not isinstance(self.schema.features[f], History | Graph)
        }
        rows = relations.rows[name]
        packing = Packing(name, features, relations.keys[name] | examples.groups)
        packing.joint = joint_texts(
            self.schema, features, lambda place: reached(self.engine, relations, self.schema, name, place)
        )
        packing.folder = folder_of(self.schema.tables[name].source, self.base)
        ids, others = relations.reached(name, self.schema, parts)
        slots = len(packing.slotted) + len(packing.keys)
        mapped = 4 * rows * slots > self.memory

        by_kind = {True: Seen.of(ids), False: Seen.of(others)}

        def seen(feature: Slotted) -> Seen:
            return by_kind[isinstance(feature, Id)]

        if not mapped:
            kinds = self.engine.columns(name)
            most = (most_slots(f, kinds[n.partition(".")[2]]) for n, f in packing.slotted.items())
            packing.scratch = Scratch(sum(most), rows)
        fit_table(self.engine, packing, seen, self.tell)
        found = vectors(packing, self.engine, self.texts, self.media, self._cache, {}, self.tell)
        read = words(packing, self.engine, self.texts, tagged(examples), self.tell)
        lay_tags(examples, read, parts[name] == 1)
        dims = {n: v.shape[1] for n, v in found.items()} | dict.fromkeys(
            read, self.texts.dim if self.texts is not None else 0
        )
        layout: TableLayout = lay_out(packing, rows, self.schema.tables[name].keys, dims, read)
        layout = layout.model_copy(update={"features": layout.features + facts.features(name)})
        file = matrix_file(self.folder, name) if mapped else None
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
        shape = matrix_shape(layout)
        matrix = np.empty(shape, np.int32) if file is None else mapped_matrix(file, shape)
        blocks = pack(self.engine, packing, layout, matrix, self.tell)
        columns = Columns(
            layout,
            torch.from_numpy(np.asarray(matrix)),
            {n: torch.from_numpy(v) for n, v in found.items()},
            {n: torch.from_numpy(v) for n, v in examples.labels.items()},
            {n: torch.from_numpy(v) for n, v in examples.weights.items()},
            torch.from_numpy(np.append(np.uint8(0), parts[name])),
            words=read,
            relations=facts.relations.get(name, {}),
            questions={n: torch.from_numpy(v) for n, v in examples.questions.items()},
        )
        save_columns(columns, self.folder, blocks, mapped)
        return packing, columns

    def _history(self, name: str, seats: Seats, relations: Relations, parts: Parts) -> Events:
        feature = self.schema.features[name]
        assert isinstance(feature, History)
        events, item, owner = history_keys(self.schema, name, feature)
        counts = np.ones(relations.rows[events], dtype=np.bool_)
        if feature.where is not None:
            who = f"`where` of history `{name}`"
            counts = holds(who, events, feature.where, self.engine.evaluate(events, {who: feature.where}).column(who))
        owners = name.partition(".")[0]
        timeline = Timeline(
            relations.keys[events][owner],
            relations.keys[events][item],
            relations.times[events],
            counts,
            parts[events] == 1,
            relations.rows[owners],
            feature.last,
        )
        spans = {}
        for table, paths in seats.paths.items():
            if name in paths:
                reached = relations.follow(table, paths[name], self.schema)
                span = timeline.before(reached, relations.times.get(table))
                spans[table] = torch.from_numpy(np.concatenate([np.zeros((1, 2), np.int32), span]))
        return Events(
            items=torch.from_numpy(timeline.items),
            spans=spans,
            now=torch.from_numpy(timeline.now),
            last=feature.last,
            times=torch.from_numpy(timeline.times),
            owned=torch.from_numpy(timeline.owned),
        )

    def _plan(
        self, layout: Layout, packings: dict[str, Packing], relations: Relations, facts: Facts, notes: list[str]
    ) -> Plan:
        fitted = {name: f for packing in packings.values() for name, f in packing.fitted.items()}
        return Plan(
            self.schema,
            layout,
            relations.ids,
            {n: f.vocabulary for n, f in fitted.items() if f.vocabulary is not None} | facts.kinds,
            {n: f.number for n, f in fitted.items() if f.number is not None},
            {n: self._reads(n, t) for n, t in self.schema.tasks.items()},
            notes,
        )

    def _reads(self, name: str, task: Task) -> list[str]:
        asked = [e for e in (task.label, task.where, task.sample_weight) if e is not None]
        late = [] if task.delay is None else [self.schema.tables[task.table].time, *self._names(name, task)]
        read = {c for e in asked for c in self.engine.mentioned(task.table, e, f"Task `{name}`")}
        return sorted(read | {column for column in late if column is not None})

    def _names(self, name: str, task: Task) -> list[str]:
        """List the columns that say what a task's label is, or when it became so: none of them is an input."""
        named = self.engine.mentioned(task.table, task.label, f"Label of task `{name}`")
        if task.delay is not None:
            named += self.engine.mentioned(task.table, task.delay.at, f"`delay.at` of task `{name}`")
        return list(dict.fromkeys(named))

    def _outside(self, name: str) -> pa.Table:
        return pa.table({c: self.engine.column(name, c) for c in self.engine.columns(name)})

    @property
    def _cache(self) -> Path:
        return self.folder.parent
