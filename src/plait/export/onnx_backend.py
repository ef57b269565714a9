"""Scoring by the graphs of a bundle: row vectors looked up, one run of a graph on one thread."""

from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Literal, final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from jaxtyping import Float, Int
from torch import Tensor

from plait.data.columns import Columns, Prepared
from plait.data.engine import Engine
from plait.data.room import Room
from plait.data.rules.judge import rules_of_rows
from plait.errors import RunError
from plait.export.backend import Asker, Backend
from plait.export.compiled import Compiled
from plait.export.feeding import Feeding
from plait.export.growth import grown
from plait.export.kept import products
from plait.export.onnx_graph import session
from plait.export.reading import Reading
from plait.export.rows import Encoding
from plait.export.serving import Graph, Serving
from plait.export.shape import shape_of
from plait.export.tables import graph_name, own_inputs
from plait.run.run import Run

__all__ = ["OnnxBackend"]


@final
@dataclass(frozen=True, slots=True)
class _State:
    """What changes, all at once, when items are added."""

    feeding: Feeding
    prepared: Prepared | None
    places: Tensor | None


@final
class OnnxBackend(Backend):
    """Score with ONNX Runtime.

    Args:
        run: the run inside the bundle.
        folder: the bundle, whose files were compared with its manifest.
        serving: what it says of itself.
        version: SHA-256 of its manifest.
        runtime: what runs the graphs: ONNX Runtime, or the machine code that torch compiled.

    Raises:
        RunError: there is no machine code in the bundle.
    """

    def __init__(
        self, run: Run, folder: Path, serving: Serving, version: str, runtime: Literal["onnx", "torch"] = "onnx"
    ) -> None:
        self._run = run
        self.serving = serving
        self.version = version
        self.shape = shape_of(run.layout)
        self._sessions = _sessions(folder, serving, runtime)
        made = serving.products
        self._products = None if made is None else (session(folder / made.file, made.data), made.inputs)
        rank = serving.graphs.get("rank")
        self.columns = {} if rank is None else {output.task: output.columns for output in rank.outputs}
        feeding = Feeding.load(folder, serving)
        self._state = _State(feeding, None, self._placed(feeding))
        self._growing, self._judging, self._room = Lock(), Lock(), Room()
        self._engine = Engine(Path())

    @property
    def users(self) -> int:
        """How many users there are, without row 0."""
        return 0 if self.shape.users is None else self._run.layout.tables[self.shape.users].rows

    @property
    def items(self) -> int:
        """How many items there are, without row 0."""
        prepared = self._state.prepared
        if self.shape.items is None:
            return 0
        if prepared is None:
            return self._run.layout.tables[self.shape.items].rows
        return prepared.tables[self.shape.items].matrix.shape[0] - 1

    def rank(self, asker: Asker, items: Int[Tensor, "C"]) -> dict[str, Float[Tensor, "C _"]]:
        """Predict every pointwise task of the main pairing; see `Backend.rank`."""
        pairing = self.pairing()
        self.check(asker, items)
        if not len(items):
            return {name: torch.empty(0, len(columns)) for name, columns in self.columns.items()}
        rows = items.numpy().astype(np.int64, copy=False)
        keys = {pairing.user_key: np.array([asker.row]), pairing.item_key: rows}
        return self._ran("rank", asker, keys) if self.columns else {}

    def query(self, asker: Asker) -> Float[Tensor, "R"] | None:
        """Place a user; see `Backend.query`."""
        if "query" not in self._sessions:
            return None
        self.check(asker)
        return next(iter(self._ran("query", asker, {self.pairing().user_key: np.array([asker.row])}).values()))[0]

    def places(self) -> Float[Tensor, "N R"] | None:
        """Return where the items lie; see `Backend.places`."""
        return self._state.places

    def add(self, rows: pa.Table) -> list[int]:
        """Add items; see `Backend.add`. The model of the run encodes them."""
        pairing = self.pairing()
        if not rows.num_rows:
            return []
        with self._growing:
            state = self._state
            prepared, numbers = grown(self._run, self.prepared, pairing.items, rows, self._room)
            reading = Reading(self._run.layout, pairing.table, {n: key.fixed for n, key in self.serving.keys.items()})
            tasks = [*pairing.tasks, *([pairing.retrieval] if pairing.retrieval is not None else [])]
            more = Encoding(self._run.model, prepared, reading, tasks).of_table(pairing.items, torch.tensor(numbers))
            added = {name: tensor.numpy() for name, tensor in more.items()}
            if self._products is not None:
                added |= products(*self._products, added)
            feeding = state.feeding.grown(pairing.items, added, self._room)
            self._state = _State(feeding, prepared, self._placed(feeding, state.places))
        return numbers

    @property
    def prepared(self) -> Prepared:
        """Return the tables as they are now; see `Backend.prepared`."""
        return self._state.prepared or self._run.prepared

    def fed(self, name: str, asker: Asker, items: Int[Tensor, "C"]) -> dict[str, Any]:
        """Return what a graph is fed for a request."""
        pairing = self.pairing()
        rows = items.numpy().astype(np.int64, copy=False)
        return self._fed(name, asker, {pairing.user_key: np.array([asker.row]), pairing.item_key: rows})

    def rows(self, table: str, columns: Columns, rows: Int[Tensor, "B"]) -> dict[str, Float[Tensor, "B _"]]:
        """Predict the tasks about rows of a table, packed by `plait.data.apply`, where users and items do not meet.

        Args:
            table: the table.
            columns: its packed rows.
            rows: which of them.

        Raises:
            RunError: the bundle has no graph for the table.
        """
        fed = self.fed_rows(table, columns, rows)
        graph = self.serving.graphs[graph_name(table)]
        found = self._sessions[graph_name(table)].run([output.task for output in graph.outputs], fed)
        return {output.task: torch.from_numpy(said) for output, said in zip(graph.outputs, found, strict=True)}

    def fed_rows(self, table: str, columns: Columns, rows: Int[Tensor, "B"]) -> dict[str, Any]:
        """Return what the graph of a table is fed; see `rows`."""
        graph = self.serving.graphs.get(graph_name(table))
        if graph is None:
            reason = self.serving.left_out.get(table, "users and items meet in these data, and `rank` scores them")
            raise RunError(f"A bundle should have a graph for `{table}` to score its rows. Found none: {reason}.")
        layout = columns.layout
        keys = {key: columns.matrix[:, layout.keys[key]].index_select(0, rows).long().numpy() for key in layout.targets}
        return self._state.feeding.feed(graph.inputs, keys, {}) | own_inputs(graph.inputs, columns, rows)

    def _ran(self, name: str, asker: Asker, keys: dict[str, npt.NDArray[np.int64]]) -> dict[str, Tensor]:
        graph = self.serving.graphs[name]
        found = self._sessions[name].run([output.task for output in graph.outputs], self._fed(name, asker, keys))
        return {output.task: torch.from_numpy(said) for output, said in zip(graph.outputs, found, strict=True)}

    def _fed(self, name: str, asker: Asker, keys: dict[str, npt.NDArray[np.int64]]) -> dict[str, Any]:
        graph = self.serving.graphs[name]
        recent = {} if asker.recent is None or self.shape.history is None else {self.shape.history: asker.recent}
        fed = self._state.feeding.feed(graph.inputs, keys, recent)
        if any(known.by == "rule" for known in graph.inputs):
            fed |= self._forbidden(graph, keys)
        return fed

    def _forbidden(self, graph: Graph, keys: dict[str, npt.NDArray[np.int64]]) -> dict[str, Any]:
        """Say which candidates rules about outcomes forbid."""
        prepared, pairing = self.prepared, self.pairing()
        size = max(len(rows) for rows in keys.values())
        wide = {key: np.broadcast_to(rows, size).astype(np.int32) for key, rows in keys.items()}
        with self._judging:
            ruled = rules_of_rows(prepared, pairing.table, size, wide, {}, self._engine, False)
        return {known.name: ruled[known.tensor].outcome()[1:].numpy() for known in graph.inputs if known.by == "rule"}

    def _placed(self, feeding: Feeding, known: Tensor | None = None) -> Tensor | None:
        """Return where the items lie, of which those of some are known."""
        graph = self.serving.graphs.get("query")
        if graph is None or self.shape.items is None:
            return None
        name = f"place:{graph.outputs[0].task}"
        if known is None:
            return torch.from_numpy(feeding.store.every(self.shape.items, name))
        rows = np.arange(len(known), feeding.store.rows(self.shape.items, name))
        return self._room.behind(name, known, torch.from_numpy(feeding.store.take(self.shape.items, name, rows)))


def _sessions(folder: Path, serving: Serving, runtime: str) -> dict[str, Any]:
    """Open the graphs, or the machine code."""
    if runtime == "onnx":
        return {name: session(folder / graph.file, graph.data) for name, graph in serving.graphs.items()}
    if not serving.compiled:
        raise RunError(
            f"`{folder}` should hold machine code to be served with `--runtime torch`. Found none. Export the run with "
            "`--compiled`, or serve with `--runtime onnx`."
        )
    return {
        name: Compiled(folder / serving.compiled[name], graph.inputs, [output.task for output in graph.outputs])
        for name, graph in serving.graphs.items()
    }
