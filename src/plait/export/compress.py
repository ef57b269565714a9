"""A bundle made smaller in place, and refused where that costs more than was said."""

from __future__ import annotations

from pathlib import Path
from typing import final

from safetensors.numpy import save_file

from plait.errors import RunError
from plait.export.bundle import load_bundle
from plait.export.int8 import quantise_graph, quantise_tensors
from plait.export.onnx_backend import OnnxBackend
from plait.export.quality import compared, requests
from plait.export.row_quality import compared_rows, fed_rows
from plait.export.serving import Compared, Serving
from plait.export.store import read_tensors
from plait.export.write import finish
from plait.run.run import Run

__all__ = ["Beside", "bytes_of", "check_loss", "quantise", "table"]


def quantise(folder: Path, serving: Serving, exact: OnnxBackend, run: Run) -> Serving:
    """Turn a bundle's graphs and vectors into whole numbers of 8 bits.

    Args:
        folder: the bundle; its files are written over.
        serving: what it says of itself.
        exact: scores as the bundle did before.
        run: the run inside it.
    """
    files = dict.fromkeys([*(t.file for t in serving.tables.values()), *(h.file for h in serving.histories.values())])
    own = {name for history in serving.histories.values() for name in (history.items, history.spans)}
    for name in files:
        tensors = read_tensors(folder / name)
        kept = {key: tensor for key, tensor in tensors.items() if key in own}
        save_file({**quantise_tensors({k: t for k, t in tensors.items() if k not in own}), **kept}, folder / name)
        (folder / name).chmod(0o644)
    graphs, of_rows = {}, fed_rows(run, exact)
    for name, graph in serving.graphs.items():
        fed = of_rows[name] if name in of_rows else [exact.fed(name, asker, items) for asker, items in requests(exact)]
        quantise_graph(folder / graph.file, fed)
        for beside in graph.data:
            (folder / beside).unlink()
        graphs[name] = graph.model_copy(update={"data": []})
    serving = serving.model_copy(update={"precision": "int8", "graphs": graphs})
    finish(folder, serving)
    return serving


@final
class Beside:
    """Bundles set side by side, the first being what the others are compared with.

    Args:
        run: the run.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._backends: dict[str, OnnxBackend] = {}
        self._sizes: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._backends)

    def add(self, name: str, folder: Path) -> OnnxBackend:
        """Load a bundle as it is now; it may be written over afterwards."""
        backend = load_bundle(folder).backend
        assert isinstance(backend, OnnxBackend)
        self._backends[name], self._sizes[name] = backend, bytes_of(folder, backend.serving)
        return backend

    def compared(self) -> list[Compared]:
        """Measure all of them."""
        if next(iter(self._backends.values())).shape.pairings:
            return compared(self._run, self._backends, self._sizes)
        return compared_rows(self._run, self._backends, self._sizes)


def bytes_of(folder: Path, serving: Serving) -> int:
    """Return how large a bundle's graphs and vectors are."""
    every = [*serving.graphs.values(), *([] if serving.products is None else [serving.products])]
    graphs = [name for graph in every for name in (graph.file, *graph.data)]
    stored = [t.file for t in serving.tables.values()] + [h.file for h in serving.histories.values()]
    return sum((folder / name).stat().st_size for name in dict.fromkeys([*graphs, *stored]))


def check_loss(found: list[Compared], most: float) -> None:
    """Make sure that nothing lost more than was said.

    Args:
        found: the exact bundle first.
        most: which share of a task's metric may be lost.

    Raises:
        RunError: a task lost more.
    """
    lost = {
        f"{known.name}: {task} loses {quality.loss:.2%} of its {quality.metric}": quality.loss
        for known in found[1:]
        for task, quality in known.quality.items()
        if quality.loss is not None and quality.loss > most
    }
    if lost:
        raise RunError(
            f"A smaller bundle should lose at most {most:.2%} of any task's metric on the test examples (`--loss`). Found "
            f"{'; '.join(lost)}. Nothing was written. Export with --loss {max(lost.values()):.4f}, or without what makes it "
            "smaller."
        )


def table(found: list[Compared], asked: str = "items") -> list[str]:
    """Write a comparison for people.

    Args:
        found: the exact bundle first.
        asked: what a request asks for.
    """
    tasks = list(found[0].quality) if found else []
    head = ["", "size", f"{found[0].candidates} {asked}", *(f"{task} ({found[0].quality[task].metric})" for task in tasks)]
    rows = [head] if found else []
    for known in found:
        cells = [known.name, f"{known.bytes / 1e6:.2f} MB", f"{known.milliseconds:.2f} ms"]
        for task in tasks:
            quality = known.quality[task]
            value = "–" if quality.value is None else f"{quality.value:.4f}"
            lost = "" if known is found[0] or quality.loss is None else f" ({-quality.loss:+.2%})"
            cells.append(value + lost)
        rows.append(cells)
    widths = [max(len(row[n]) for row in rows) for n in range(len(head))] if rows else []
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
