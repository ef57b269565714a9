"""A run → a bundle: graphs, the vectors they look up, the run itself, and a manifest over all of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final, final

import torch
from safetensors.torch import save_file
from torch import Tensor

from plait.data.files import file_name
from plait.export.kept import keep, products
from plait.export.onnx_graph import LARGEST, folded, quiet, session, traced, trimmed, write_onnx
from plait.export.options import Options
from plait.export.reading import Reading
from plait.export.rows import Encoding
from plait.export.scoring import Scoring
from plait.export.serving import NAME, Graph, History, Key, Output, Serving, Stored
from plait.export.shape import Shape, shape_of
from plait.export.tables import table_graphs
from plait.run.manifest import INSIDE, write_file, write_manifest
from plait.run.run import Run
from plait.tasks.base import Head

__all__ = ["finish", "write_bundle"]

_NOT_KEPT: Final = ("tensorboard", "phases", "log.jsonl")


@final
@dataclass(frozen=True, slots=True)
class Side:
    """What is written of one table."""

    file: str
    tensors: dict[str, Tensor]


def write_bundle(run: Run, folder: Path, options: Options | None = None, largest: int = LARGEST) -> Serving:
    """Write a bundle's files; the manifest comes last.

    Args:
        run: the run.
        folder: a new folder.
        options: what it should be like.
        largest: bytes of weights beyond which a graph's lie in a file beside it.

    Raises:
        RunError: the model cannot be a graph.
    """
    options = options or Options()
    shape = shape_of(run.layout)
    if not shape.pairings:
        return _rows_alone(run, folder, options.formula, largest)
    pairing = shape.pairings[0]
    reading = Reading(run.layout, pairing.table, {pairing.user_key: True, pairing.item_key: False})
    retrieved = [pairing.retrieval] if pairing.retrieval is not None else []
    graphs, made, size = {}, None, 0
    if pairing.tasks:
        scoring = Scoring(run.model, run.prepared, reading, pairing.tasks)
        rows, most = run.layout.tables[pairing.items].rows + 1, options.memory * 1e6
        made, size = keep(scoring, folder / "products.onnx", rows, most, largest, int8=options.int8)
        graphs["rank"] = _graph(run, scoring, folder / "rank.onnx", largest)
    if retrieved:
        scoring = Scoring(run.model, run.prepared, reading, retrieved)
        graphs["query"] = _graph(run, scoring, folder / "query.onnx", largest)
    sides = _sides(run, shape, reading, [*pairing.tasks, *retrieved])
    if made is not None:
        _add_products(folder, made, sides[pairing.items], graphs.values())
    histories = _histories(run, reading, sides)
    _keep(run, folder, sides)
    serving = Serving(
        plait=version("plait"),
        table=pairing.table,
        keys={key: Key(table=reading.target(key), fixed=fixed) for key, fixed in reading.keys.items()},
        graphs=graphs,
        products=made,
        unstored=size if made is None else 0,
        tables=_stored(run, sides),
        histories=histories,
        formula=options.formula,
        versions=_versions(),
    )
    finish(folder, serving)
    return serving


def _rows_alone(run: Run, folder: Path, formula: str | None, largest: int) -> Serving:
    """Write a bundle of a run in which users and items do not meet."""
    graphs, tensors, left_out = table_graphs(run, folder, largest)
    sides = {table: Side(f"rows-{file_name(table)}.safetensors", found) for table, found in tensors.items() if found}
    _keep(run, folder, sides)
    serving = Serving(
        plait=version("plait"),
        graphs=graphs,
        tables=_stored(run, sides),
        left_out=left_out,
        formula=formula,
        versions=_versions(),
    )
    finish(folder, serving)
    return serving


def _keep(run: Run, folder: Path, sides: dict[str, Side]) -> None:
    """Write what is looked up, and the run."""
    for side in sides.values():
        save_file(side.tensors, folder / side.file)
        (folder / side.file).chmod(0o644)
    shutil.copytree(run.folder, folder / INSIDE, ignore=shutil.ignore_patterns(*_NOT_KEPT), copy_function=_link)


def _stored(run: Run, sides: dict[str, Side]) -> dict[str, Stored]:
    return {table: Stored(file=s.file, rows=run.layout.tables[table].rows) for table, s in sides.items() if s.tensors}


def _versions() -> dict[str, str]:
    return {name: version(name) for name in ("torch", "onnx", "onnxscript", "onnxruntime")}


def finish(folder: Path, serving: Serving) -> None:
    """Write what a bundle says of itself, then the manifest."""
    write_file(folder / NAME, serving.model_dump_json(indent=1))
    write_manifest(folder)


def _graph(run: Run, scoring: Scoring, path: Path, largest: int) -> Graph:
    inputs = scoring.inputs
    data = write_onnx(traced(scoring, inputs), inputs, scoring.tasks, path, largest)
    if scoring.looks_up and not data and path.stat().st_size < largest / 2:
        # Where products are looked up, candidates' own rows are not, nor is what would have multiplied them.
        with quiet():
            folded(path)
            left = {*trimmed(path)}
        inputs = [known for known in inputs if known.name in left]
    outputs = []
    for name in scoring.tasks:
        head = run.model.head(name)
        columns = head.columns if isinstance(head, Head) else []
        outputs.append(Output(task=name, kind=run.layout.tasks[name].kind, columns=columns))
    return Graph(file=path.name, data=data, inputs=inputs, outputs=outputs)


def _add_products(folder: Path, made: Graph, items: Side, graphs: Iterable[Graph]) -> None:
    """Multiply all items by the first layers, with the graph that does so for those that come later.

    What nothing but this reads is not stored: of items that come later it is encoded then.
    """
    rows = {name: tensor.numpy() for name, tensor in items.tensors.items()}
    found = products(session(folder / made.file, made.data), made.inputs, rows)
    read = {known.tensor for graph in graphs for known in graph.inputs}
    for name in {known.tensor for known in made.inputs} - read:
        del items.tensors[name]
    items.tensors.update({name: torch.from_numpy(product) for name, product in found.items()})


def _sides(run: Run, shape: Shape, reading: Reading, tasks: list[str]) -> dict[str, Side]:
    """Encode the rows of every table that a graph looks up."""
    encoding = Encoding(run.model, run.prepared, reading, tasks)
    names = {shape.users: "users", shape.items: "items"}
    found = {}
    for table in encoding.tables():
        file = names.get(table) or f"rows-{file_name(table)}"
        found[table] = Side(f"{file}.safetensors", encoding.of_table(table))
    return found


def _histories(run: Run, reading: Reading, sides: dict[str, Side]) -> dict[str, History]:
    """Lay down who had what, by the rows that the examples' keys lead to."""
    found = {}
    for role in reading.histories():
        key = reading.key(role.name)
        assert key is not None and role.history is not None
        events, table = run.prepared.histories[role.history], reading.target(key)
        rows = torch.arange(run.layout.tables[table].rows + 1)
        for further in reading.further(role.name):
            columns = run.prepared.tables[table]
            rows = columns.matrix[:, columns.layout.keys[further]].index_select(0, rows).long()
            table = columns.layout.targets[further]
        side = sides[reading.target(key)]
        items, spans = f"had:{role.name}", f"spans:{role.name}"
        side.tensors[items] = events.items.clone().contiguous()
        side.tensors[spans] = events.now.index_select(0, rows).contiguous()
        found[role.name] = History(file=side.file, items=items, spans=spans, last=events.last)
    return found


def _link(source: str, target: str) -> str:
    """Give a file a second name where the file system can, else copy it."""
    try:
        Path(target).hardlink_to(source)
    except OSError:
        shutil.copy2(source, target)
    return target
