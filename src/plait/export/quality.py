"""What making a model smaller costs: its test examples scored as a service scores them, beside the exact bundle."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from statistics import median
from time import perf_counter
from typing import Final

import numpy as np
import torch
from torch import Tensor

from plait.data.columns import Columns
from plait.export.backend import Asker, Backend
from plait.export.serving import Compared, Quality
from plait.export.shape import Pairing
from plait.measure import Outcome, gain, quick
from plait.run.content import metric_of
from plait.run.run import Run
from plait.tasks.base import Head, TwoTower

__all__ = ["compared", "compared_by", "labelled", "outcomes", "requests", "some"]

_EXAMPLES: Final = 3_000
_CANDIDATES: Final = 200
_REQUESTS: Final = 60
_TURNS: Final = 3
_ALIKE: Final = 1e-5


def compared(run: Run, backends: Mapping[str, Backend], sizes: Mapping[str, int]) -> list[Compared]:
    """Set backends side by side: size, time of a request, and every task's metric on test examples.

    Args:
        run: the run.
        backends: name -> backend; the first is what the others are compared with.
        sizes: name -> bytes of its graphs and stored tensors.
    """
    first = next(iter(backends.values()))
    asked = requests(first)
    times = {name: [partial(_ask, backend, *one) for one in asked] for name, backend in backends.items()}
    measured = {name: outcomes(run, backend) for name, backend in backends.items()}
    return compared_by(run, measured, sizes, times, min(_CANDIDATES, first.items))


def compared_by(
    run: Run,
    measured: Mapping[str, Mapping[str, Outcome]],
    sizes: Mapping[str, int],
    requests: Mapping[str, Sequence[Callable[[], object]]],
    candidates: int,
) -> list[Compared]:
    """Set what several forms of a model say side by side.

    Args:
        run: the run.
        measured: form -> task -> what it says of test examples; the first form is what the others are compared with.
        sizes: form -> bytes.
        requests: form -> requests to be timed.
        candidates: how many items or rows a request asks for.
    """
    exact, times = next(iter(measured.values())), _times(requests)
    return [
        Compared(
            name=name,
            bytes=sizes[name],
            milliseconds=times[name],
            candidates=candidates,
            quality={task: _quality(run, task, found[task], exact[task]) for task in exact},
        )
        for name, found in measured.items()
    ]


def requests(backend: Backend, count: int = _REQUESTS) -> list[tuple[Asker, Tensor]]:
    """Draw requests: a user with candidates, from a seed."""
    draw = torch.Generator().manual_seed(17)
    size = min(_CANDIDATES, backend.items)
    return [
        (
            Asker(int(torch.randint(0, backend.users + 1, (), generator=draw))),
            torch.randperm(backend.items, generator=draw)[:size] + 1,
        )
        for _ in range(count)
    ]


def outcomes(run: Run, backend: Backend, most: int = _EXAMPLES) -> dict[str, Outcome]:
    """Score test examples one by one, as a service would have been asked: with what their users had by then.

    Args:
        run: the run.
        backend: what scores.
        most: examples of each task at most, at even distances.
    """
    pairing = backend.pairing()
    columns = run.prepared.tables[pairing.table]
    names = [*pairing.tasks, *([pairing.retrieval] if pairing.retrieval is not None else [])]
    rows = {name: some(run.prepared.rows(name, "test"), most) for name in names}
    said: dict[int, dict[str, Tensor]] = {}
    for row in sorted({row for name in pairing.tasks for row in rows[name].tolist()}):
        item = columns.matrix[row, columns.layout.keys[pairing.item_key]].long()[None]
        said[row] = backend.rank(_asker(run, backend, pairing, row), item)
    found = {}
    for name in pairing.tasks:
        if len(rows[name]):
            head = run.model.head(name)
            scores = torch.cat([said[row][name] for row in rows[name].tolist()]).numpy()
            levels = head.levels if isinstance(head, Head) else ()
            found[name] = Outcome(scores, *labelled(run, columns, name, rows[name]), levels=levels)
    if pairing.retrieval is not None and len(rows[pairing.retrieval]):
        found[pairing.retrieval] = _ranked(run, backend, pairing, columns, rows[pairing.retrieval])
    return found


def some(rows: Tensor, most: int = _EXAMPLES) -> Tensor:
    """Return some rows at even distances."""
    return rows if len(rows) <= most else rows[torch.linspace(0, len(rows) - 1, most).long()]


def _asker(run: Run, backend: Backend, pairing: Pairing, row: int) -> Asker:
    """Return who is behind an example, with what they had before it."""
    columns = run.prepared.tables[pairing.table]
    user = int(columns.matrix[row, columns.layout.keys[pairing.user_key]])
    history = backend.shape.history
    if history is None or pairing.table not in run.prepared.histories[history].spans:
        return Asker(user)
    events = run.prepared.histories[history]
    start, end = events.spans[pairing.table][row].tolist()
    return Asker(user, tuple(events.items[start:end].tolist()))


def labelled(run: Run, columns: Columns, name: str, rows: Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return labels, weights and units of examples."""
    key = run.layout.tasks[name].group_key
    unit = np.empty(0, dtype=np.int64)
    if key is not None and key in columns.layout.keys:
        unit = columns.matrix[:, columns.layout.keys[key]].index_select(0, rows).numpy().astype(np.int64)
    weight = columns.weights[name].index_select(0, rows).numpy() if name in columns.weights else np.empty(0)
    return columns.labels[name].index_select(0, rows).numpy(), weight, unit


def _ranked(run: Run, backend: Backend, pairing: Pairing, columns: Columns, rows: Tensor) -> Outcome:
    """Rank each example's right item among all; ties count half."""
    assert pairing.retrieval is not None
    head, places = run.model.head(pairing.retrieval), backend.places()
    assert isinstance(head, TwoTower) and places is not None
    right = columns.matrix[:, columns.layout.keys[pairing.item_key]].index_select(0, rows).long()
    ranks = []
    # Laid out beforehand: what is kept in between breaks the memory of scores up, and it grows by gigabytes.
    tops = torch.empty(len(rows), min(10, len(places) - 1), dtype=torch.int64)
    for place, (row, item) in enumerate(zip(rows.tolist(), right.tolist(), strict=True)):
        query = backend.query(_asker(run, backend, pairing, row))
        assert query is not None
        with torch.no_grad():
            scores = head.scores(query[None], places)[0]
        scores[0] = -torch.inf
        tops[place] = scores.topk(tops.shape[1]).indices
        # Rounding tells rows apart that are alike.
        above = int((scores > scores[item] + _ALIKE).sum())
        equal = int(((scores - scores[item]).abs() <= _ALIKE).sum())
        ranks.append(above + (equal - 1) // 2 + 1 if item > 0 else 0)
    labels, weight, unit = labelled(run, columns, pairing.retrieval, rows)
    known = np.array(ranks, dtype=np.int64)
    return Outcome(np.empty((len(rows), 0)), labels, weight, unit, known, tops.numpy(), len(places) - 1)


def _quality(run: Run, task: str, found: Outcome, exact: Outcome) -> Quality:
    kind, metric = run.recipe.tasks[task].kind, metric_of(run.recipe, task)
    value, change = quick(kind, found, metric), gain(kind, metric, found, exact, run.recipe.seed)
    return Quality(
        metric=metric,
        value=value if np.isfinite(value) else None,
        loss=-change.value if np.isfinite(change.value) else None,
    )


def _ask(backend: Backend, asker: Asker, items: Tensor) -> object:
    return backend.rank(asker, items) if backend.columns else backend.query(asker)


def _times(requests: Mapping[str, Sequence[Callable[[], object]]]) -> dict[str, float]:
    """Return the median time of a request in milliseconds; forms take turns, so that a busy machine slows all alike."""
    found: dict[str, list[float]] = {name: [] for name in requests}
    for _ in range(_TURNS):
        for name, asked in requests.items():
            for ask in asked:
                start = perf_counter()
                ask()
                found[name].append(perf_counter() - start)
    return {name: 1_000 * median(times) for name, times in found.items()}
