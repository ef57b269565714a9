"""PASS, WARN or FAIL for everything that can be said of a recipe's tables before training, with example rows."""

from __future__ import annotations

from pathlib import Path

from plait.data.check.chains import check_chains
from plait.data.check.context import Context
from plait.data.check.delays import check_delays
from plait.data.check.finding import Finding
from plait.data.check.graphs import check_graphs
from plait.data.check.histories import check_histories
from plait.data.check.labels import check_labels
from plait.data.check.leaks import check_leaks
from plait.data.check.media import check_media
from plait.data.check.rules import check_rules
from plait.data.check.split import check_split, check_unseen
from plait.data.check.tables import check_columns, check_ids, check_keys, check_types, open_tables
from plait.data.check.values import check_constants, check_numbers, check_texts, check_times
from plait.data.engine import Engine
from plait.data.infer.features import infer_features
from plait.errors import PlaitError
from plait.progress import Tell
from plait.schema import Feature, Graph, History, Schema, Text

__all__ = ["check"]

_CHECKS = (
    check_columns,
    check_types,
    check_ids,
    check_keys,
    check_numbers,
    check_constants,
    check_texts,
    check_media,
    check_times,
    check_labels,
    check_chains,
    check_leaks,
    check_histories,
    check_split,
    check_graphs,
    check_rules,
    check_delays,
    check_unseen,
)


def check(schema: Schema, base: Path, tell: Tell | None = None) -> list[Finding]:
    """Check a recipe against its tables; nothing is trained or written.

    Args:
        schema: tables, features, tasks and split; features that it does not name are inferred.
        base: the folder that sources are relative to.
        tell: is told what is done, how much of it and how much there is.

    Returns:
        One finding per check and table, column or task, in a fixed order: files, columns, types, ids, keys, numbers,
        constants, texts, pictures and sounds, times, labels, chains, leaks, histories, split, graphs, rules, delays, unseen
        values.
    """
    findings: list[Finding] = []
    with Engine(base) as engine:
        context = Context(schema, engine, base=base)
        for name, finding in open_tables(schema, engine, tell):
            findings.append(finding)
            if finding.status != "FAIL" or finding.message.startswith("should have rows"):
                context.tables.append(name)
        context.features = _features(context, base)
        for number, look in enumerate(_CHECKS):
            if tell is not None:
                tell("checking", number, len(_CHECKS))
            findings += look(context)
        if tell is not None:
            tell("checking", len(_CHECKS), len(_CHECKS))
    return findings


def _features(context: Context, base: Path) -> dict[str, Feature]:
    """Add the features that the recipe leaves open, and leave out those of columns that are not there."""
    schema = context.schema
    opened = {name: table for name, table in schema.tables.items() if name in context.tables}
    read = {f"{task.table}.{task.text}": Text() for task in schema.tasks.values() if task.text is not None}
    try:
        features = infer_features(opened, base, context.engine) | read | schema.features
    except PlaitError:
        features = read | schema.features
    return {
        place: feature
        for place, feature in features.items()
        if (isinstance(feature, Text) and feature.of is not None)
        or isinstance(feature, History | Graph)
        or place.partition(".")[2] in context.columns(place.partition(".")[0])
    }
