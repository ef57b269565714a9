"""Checks of labels: can they be evaluated, are values of their kind, how much is observed, how often is it positive."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from plait.data.check.context import Context, Observed
from plait.data.check.finding import Finding
from plait.data.labels import fit_label, holds, label_values, wrong_labels
from plait.data.text.spans import find_spans
from plait.data.text.tags import lost_words
from plait.data.values import flat, numbers, texts
from plait.errors import PlaitError, nearest
from plait.schema import Category, Task

__all__ = ["check_labels"]

_RARELY_KNOWN = 0.1
_FEW = 50
_RARE = 0.02
_ALMOST_NONE = 0.001
_OFTEN_LOST = 0.1
_CLASSES = ("multiclass", "ordinal", "multilabel")


def check_labels(context: Context) -> Iterator[Finding]:
    """Evaluate every label and judge it; fills `context.labels` with those that a task can learn."""
    for name, task in context.schema.tasks.items():
        if task.table not in context.schema.tables:
            text = "is on a table that the recipe does not have."
            near = nearest(task.table, list(context.schema.tables))
            yield Finding("FAIL", "label", task.table, name, f"task `{name}` {text}{near}")
            continue
        if task.table not in context.tables or not context.engine.count(task.table):
            continue
        try:
            found = _evaluate(context, name, task)
        except PlaitError as error:
            yield Finding("FAIL", "label", task.table, name, str(error))
            continue
        yield from _judge(context, name, task, found)
        if name in context.labels and task.sample_weight is not None:
            yield _weights(context, name, task, task.sample_weight)


def _evaluate(context: Context, name: str, task: Task) -> Observed:
    """Evaluate label and sample space."""
    who = f"label of task `{name}`"
    columns = context.engine.mentioned(task.table, task.label, who)
    values = context.engine.evaluate(task.table, {who: task.label}).column(0)
    feature = context.features_of(task.table).get(columns[0]) if columns else None
    labels = label_values(task, values, feature.separator if isinstance(feature, Category) else None)
    known = np.asarray(pc.is_valid(labels).to_numpy(zero_copy_only=False), dtype=np.bool_)
    if task.kind not in _CLASSES and task.kind != "retrieval" and (found := numbers(labels)) is not None:
        known &= ~np.isnan(found)
    if task.delay is not None:
        columns = [*columns, *context.engine.mentioned(task.table, task.delay.at, f"`delay.at` of task `{name}`")]
    return Observed(labels, known & _inside(context, name, task), columns)


def _inside(context: Context, name: str, task: Task) -> npt.NDArray[np.bool_]:
    """Tell which rows are in the sample space."""
    rows = context.engine.count(task.table)
    if task.where is None:
        return np.ones(rows, dtype=np.bool_)
    who = f"`where` of task `{name}`"
    return holds(who, task.table, task.where, context.engine.evaluate(task.table, {who: task.where}).column(0))


def _judge(context: Context, name: str, task: Task, found: Observed) -> Iterator[Finding]:
    """Judge values, share and rate of one label."""
    rows, known = len(found.known), int(found.known.sum())
    try:
        fit_label(name, task, found.values, found.known, np.ones(rows, dtype=np.bool_))
    except PlaitError as error:
        yield Finding("FAIL", "label", task.table, name, str(error), _wrong_rows(context, task))
        if (rest := _right(name, task, found)) is not None:
            context.labels[name] = rest
        return
    context.labels[name] = found
    yield Finding("PASS", "label", task.table, name, f"`{task.label}` gives what a task of kind {task.kind} reads")
    space = f" where {task.where}" if task.where else ""
    share = known / rows
    if share < _RARELY_KNOWN:
        text = f"only {known:,} of {rows:,} rows ({share:.1%}) are observed{space}; NULL is never read as 0."
        yield Finding("WARN", "observed", task.table, name, text)
    else:
        yield Finding("PASS", "observed", task.table, name, f"{known:,} of {rows:,} rows ({share:.1%}) are observed{space}")
    yield _phrases(context, name, task, found) if task.kind == "tagging" else _rate(task, name, found)


def _phrases(context: Context, name: str, task: Task, found: Observed) -> Finding:
    """Say how many phrases are marked, and how many stand nowhere in their text."""
    text = task.text or ""
    try:
        context.engine.need(task.table, text, f"`text` of task `{name}`")
        spans = find_spans(f"Label of task `{name}`", context.column(task.table, text), found.values, found.known)
    except PlaitError as error:
        return Finding("FAIL", "phrases", task.table, name, str(error))
    if not len(spans.row):
        return Finding("FAIL", "phrases", task.table, name, f"should mark phrases that stand in `{text}`. Found none.")
    marked = len(np.unique(spans.row))
    said = f"{len(spans.row):,} phrases in {marked:,} of {int(found.known.sum()):,} texts"
    if not spans.lost:
        return Finding("PASS", "phrases", task.table, name, said)
    often = spans.lost > _OFTEN_LOST * spans.asked
    rows = context.examples(task.table, f"row = {spans.examples[0][0]}", text) if often else []
    message = f"{said}; {lost_words(spans)} and are not learned."
    return Finding("WARN" if often else "PASS", "phrases", task.table, name, message, rows)


def _right(name: str, task: Task, found: Observed) -> Observed | None:
    """Leave out what is outside a label's kind, for the checks that follow; None where the rest teaches nothing."""
    given = None if task.kind in (*_CLASSES, "retrieval") else numbers(found.values)
    if given is None:
        return None
    known = found.known & ~wrong_labels(task, given)
    try:
        fit_label(name, task, found.values, known, np.ones(len(known), dtype=np.bool_))
    except PlaitError:
        return None
    return Observed(found.values, known, found.columns)


def _wrong_rows(context: Context, task: Task) -> list[dict[str, object]]:
    """Show rows whose label is outside its kind."""
    conditions = {
        "binary": f"try_cast(({task.label}) AS DOUBLE) NOT IN (0, 1)",
        "relatedness": f"try_cast(({task.label}) AS DOUBLE) NOT IN (0, 1)",
        "amount": f"try_cast(({task.label}) AS DOUBLE) < 0",
        "ranking": f"try_cast(({task.label}) AS DOUBLE) < 0",
        "regression": f"isinf(try_cast(({task.label}) AS DOUBLE))",
    }
    if task.kind not in conditions:
        return []
    condition = conditions[task.kind] if task.where is None else f"({task.where}) AND {conditions[task.kind]}"
    try:
        columns = context.engine.mentioned(task.table, task.label, "label")
        return context.examples(task.table, condition, columns[0]) if columns else []
    except PlaitError:
        return []


def _rate(task: Task, name: str, found: Observed) -> Finding:
    """Say how a label is spread, and warn where one side is too small to learn or to measure."""
    values = found.values.filter(pa.array(found.known))
    if task.kind == "masked":
        return Finding("PASS", "rate", task.table, name, f"{len(values):,} texts are read; no label is needed")
    if task.kind in ("multiclass", "multilabel", "ordinal"):
        inner = values.flatten() if task.kind == "multilabel" else values
        counts = sorted(((c["counts"], c["values"]) for c in pc.value_counts(texts(inner)).to_pylist()), reverse=True)
        rare = [f"{value} ({count})" for count, value in counts if count < 10]
        head = f"{len(counts):,} classes; {counts[0][1]} in {counts[0][0] / len(values):.1%} of the rows"
        if not rare:
            return Finding("PASS", "rate", task.table, name, head)
        text = f"{head}; {len(rare):,} classes have fewer than 10 rows: {', '.join(rare[:5])}. Join them, or leave them out."
        return Finding("WARN", "rate", task.table, name, text)
    if task.kind == "retrieval":
        distinct = len(pc.unique(values))
        text = f"{distinct:,} different right answers, {len(values) / distinct:.1f} rows each"
        return Finding("PASS", "rate", task.table, name, text)
    given = numbers(values)
    assert given is not None
    if task.kind in ("binary", "relatedness"):
        ones = int(given.sum())
        text = f"{ones:,} of {len(given):,} are positive ({ones / len(given):.1%})"
        few = min(ones, len(given) - ones)
        if few < _FEW:
            return Finding("WARN", "rate", task.table, name, f"{text}; with {few} of the rarer kind little can be measured.")
        if few < _RARE * len(given):
            return _rare(task, name, text, few / len(given), 1 - int(ones == few))
        return Finding("PASS", "rate", task.table, name, text)
    if float(given.std()) == 0:
        text = f"should differ between rows. Found {given[0]:g} in all {len(given):,} observed rows. Choose another label."
        return Finding("FAIL", "rate", task.table, name, text)
    zeros = f", {np.mean(given == 0):.1%} zeros" if task.kind == "amount" else ""
    return Finding("PASS", "rate", task.table, name, f"{given.min():g} to {given.max():g}, mean {given.mean():.4g}{zeros}")


def _rare(task: Task, name: str, text: str, rate: float, often: int) -> Finding:
    """Say what a very rare kind of label means for steps and figures."""
    if rate < _ALMOST_NONE:
        more = (
            "fewer than 1 in 1,000 rows is of the rarer kind, so most steps see none. Show fewer of the others with "
            f"`resample: {{{often}: 0.1}}`, or more rows a step with `train.batch`."
        )
        return Finding("WARN", "rate", task.table, name, f"{text}; {more}")
    more = f"about {1000 * rate:.0f} in 1,000 rows are of the rarer kind: look at PR-AUC and log loss beside the AUC"
    return Finding("PASS", "rate", task.table, name, f"{text}; {more}")


def _weights(context: Context, name: str, task: Task, expression: str) -> Finding:
    """Check that sample weights are 0 or more."""
    who = f"`sample_weight` of task `{name}`"
    try:
        given = numbers(flat(context.engine.evaluate(task.table, {who: expression}).column(0)))
    except PlaitError as error:
        return Finding("FAIL", "weight", task.table, name, str(error))
    known = context.labels[name].known
    if given is None:
        text = f"`{expression}` should give numbers of 0 or more. Found no numbers."
        return Finding("FAIL", "weight", task.table, name, text)
    wrong = int((known & ~(np.isfinite(given) & (given >= 0))).sum())
    if wrong:
        text = f"`{expression}` should give numbers of 0 or more. Found {wrong:,} rows that are negative, infinite or empty."
        condition = f"NOT coalesce(isfinite(({expression})::DOUBLE) AND ({expression}) >= 0, false)"
        return Finding("FAIL", "weight", task.table, name, text, context.examples(task.table, condition, ""))
    inside = given[known]
    return Finding("PASS", "weight", task.table, name, f"`{expression}`: {inside.min():g} to {inside.max():g}")
