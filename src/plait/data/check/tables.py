"""Checks of tables: files that can be read, columns that exist, types that fit, ids that are one each, keys that meet."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from plait.data.check.context import Context
from plait.data.check.finding import Finding
from plait.data.engine import Engine
from plait.data.moments import moments
from plait.data.values import flat, numbers
from plait.errors import PlaitError, nearest
from plait.progress import Tell
from plait.schema import Category, Embedding, Feature, Id, Ignore, Number, Schema, Table, Text, Time, places_of

__all__ = ["check_columns", "check_ids", "check_keys", "check_types", "open_tables"]


def open_tables(schema: Schema, engine: Engine, tell: Tell | None) -> Iterator[tuple[str, Finding]]:
    """Open every table and read every column once: a damaged file should show here, not in the middle of a run."""
    ordered = sorted(schema.tables.items(), key=lambda item: item[1].of is not None)
    failed: set[str] = set()
    for number, (name, table) in enumerate(ordered):
        if tell is not None:
            tell(f"reading {name}", number, len(ordered))
        finding = _opened(name, table, engine, failed)
        if finding.status == "FAIL" and not finding.message.startswith("should have rows"):
            failed.add(name)
        yield name, finding
    if tell is not None:
        tell("reading", len(ordered), len(ordered))


def _opened(name: str, table: Table, engine: Engine, failed: set[str]) -> Finding:
    """Open one table."""
    owner = (table.of or "").partition(".")[0]
    if owner in failed:
        return Finding("FAIL", "file", name, "", f"is made of `{table.of}`, and table `{owner}` cannot be opened.")
    try:
        engine.open(name, table)
        for column in engine.columns(name):
            engine.column(name, column)
    except PlaitError as error:
        return Finding("FAIL", "file", name, "", str(error))
    rows, columns = engine.count(name), len(engine.columns(name))
    if rows == 0:
        text = f"should have rows. Found none, and {columns} columns. Fill the table or leave it out."
        return Finding("FAIL", "file", name, "", text)
    if rows == 1:
        return Finding("WARN", "file", name, "", "has a single row; nothing can be learned from its columns.")
    return Finding("PASS", "file", name, "", f"{rows:,} rows, {columns} columns")


def check_columns(context: Context) -> Iterator[Finding]:
    """Check that the columns which the recipe names are there."""
    for name in context.read_tables():
        known = list(context.columns(name))
        missing = [(what, column) for what, column in _named(context.schema, name) if column not in known]
        for what, column in missing:
            near = nearest(column, known)
            text = f"{what} names this column, which is not in the table. Found {', '.join(known[:20])}.{near}"
            yield Finding("FAIL", "columns", name, column, text)
        if not missing:
            yield Finding("PASS", "columns", name, "", "every column that the recipe names is there")


def _named(schema: Schema, name: str) -> Iterator[tuple[str, str]]:
    """List the columns of a table that the recipe names, and where."""
    table = schema.tables[name]
    if table.id is not None:
        yield f"`tables.{name}.id`", table.id
    if table.time is not None:
        yield f"`tables.{name}.time`", table.time
    for key in table.keys:
        yield f"`tables.{name}.keys`", key
    for place, feature in schema.features.items():
        owner, _, column = place.partition(".")
        if isinstance(feature, Text) and feature.of is not None:
            parts = places_of(schema.tables, place, feature.of)
            yield from ((f"`features.{place}`", part.column) for part in parts if part.table == name)
        elif owner == name and feature.kind not in ("history", "graph"):
            yield f"`features.{place}`", column
    for task_name, task in schema.tasks.items():
        if task.table == name and task.group is not None:
            yield f"`tasks.{task_name}.group`", task.group


def check_types(context: Context) -> Iterator[Finding]:
    """Check that what a column holds can be read as its kind of feature."""
    for name in context.read_tables():
        wrong = 0
        for column, feature in context.features_of(name).items():
            if isinstance(feature, Ignore):
                continue
            found = _unfit(context, name, column, feature)
            if found is not None:
                wrong += found.status == "FAIL"
                yield found
        if not wrong:
            yield Finding("PASS", "types", name, "", "columns hold what their kinds say")


def _unfit(context: Context, table: str, column: str, feature: Feature) -> Finding | None:
    """Say why a column cannot be read as its kind, or reads oddly."""
    values = context.column(table, column)
    kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    nested = pa.types.is_nested(kind)

    def fail(text: str, condition: str | None = None) -> Finding:
        return Finding("FAIL", "types", table, column, text, context.examples(table, condition, column) if condition else [])

    if isinstance(feature, Number) and (nested or numbers(flat(values)) is None):
        quoted = context.quote(column)
        words = f"{quoted} IS NOT NULL AND try_cast({quoted} AS DOUBLE) IS NULL" if not nested else None
        return fail(f"should hold numbers, being of kind `number`. Found {kind}. Choose category, text or ignore.", words)
    if isinstance(feature, Time):
        try:
            moments(values, f"{table}.{column}")
        except PlaitError as error:
            return fail(str(error))
    if isinstance(feature, Embedding):
        return _unfit_vector(values, table, column)
    if isinstance(feature, Text | Id) and nested:
        text = f"should hold one value a row, being of kind `{feature.kind}`. Found {kind}. Choose category or embedding."
        return fail(text)
    if isinstance(feature, Id) and pa.types.is_floating(kind):
        fractional = f"{context.quote(column)} <> trunc({context.quote(column)})"
        rows = context.examples(table, fractional, column)
        if rows:
            return Finding("WARN", "types", table, column, "ids should be whole numbers or text. Found fractions.", rows)
    if isinstance(feature, Category) and feature.separator is not None and not _is_text(kind):
        return fail(f"has a separator and so should hold text. Found {kind}. Leave the separator out.")
    return None


def _is_text(kind: pa.DataType) -> bool:
    """Tell whether a type is text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _unfit_vector(values: pa.ChunkedArray, table: str, column: str) -> Finding | None:
    """Check that vectors are lists of numbers of one length."""
    kind = values.type
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)):
        text = f"should hold lists of numbers, being of kind `embedding`. Found {kind}."
        return Finding("FAIL", "types", table, column, text)
    lengths = pc.value_counts(pc.list_value_length(values.drop_null())).to_pylist()
    if len(lengths) > 1:
        shown = ", ".join(f"{c['counts']:,} of length {c['values']}" for c in lengths[:4])
        text = f"should hold vectors of one length, being of kind `embedding`. Found {shown}."
        return Finding("FAIL", "types", table, column, text)
    return None


def check_ids(context: Context) -> Iterator[Finding]:
    """Check that an id names one row: none twice, none empty, none fractional."""
    for name in context.tables:
        table = context.schema.tables[name]
        if table.id is None or table.of is not None or table.id not in context.columns(name):
            continue
        yield _id_finding(context, name, table.id)


def _id_finding(context: Context, name: str, column: str) -> Finding:
    """Check one id column."""
    quoted = context.quote(column)
    empty = context.column(name, column).null_count
    if pa.types.is_floating(context.columns(name)[column]):
        rows = context.examples(name, f"{quoted} <> trunc({quoted})", column)
        if rows:
            return Finding("FAIL", "ids", name, column, "ids should be whole numbers or text. Found fractions.", rows)
    count, values = context.engine.duplicates(name, column)
    if count:
        literal = values[0].replace("'", "''")
        text = (
            f"should name one row each. Found {count:,} values that stand on several rows, such as {', '.join(values[:3])}. "
            f"Keep one row of each, or name another id."
        )
        return Finding("FAIL", "ids", name, column, text, context.examples(name, f"{quoted}::VARCHAR = '{literal}'", column))
    if empty:
        text = f"should name every row. Found {empty:,} rows without. Fill them, remove them, or name another id."
        return Finding("FAIL", "ids", name, column, text, context.examples(name, f"{quoted} IS NULL", column))
    return Finding("PASS", "ids", name, column, f"{context.engine.count(name):,} ids, each on one row")


def check_keys(context: Context) -> Iterator[Finding]:
    """Check that keys find their partners."""
    for name in context.tables:
        for key, target in context.schema.tables[name].keys.items():
            aim = context.schema.tables.get(target)
            column = aim and (aim.id or (aim.of or "").rpartition(".")[2])
            if aim is None or not column or column not in context.columns(target) or key not in context.columns(name):
                continue
            yield _key_finding(context, name, key, target, column)


def _key_finding(context: Context, name: str, key: str, target: str, column: str) -> Finding:
    """Check one key."""
    quoted = context.quote(key)
    if pa.types.is_floating(context.columns(name)[key]) and context.schema.tables[target].of is not None:
        rows = context.examples(name, f"{quoted} <> trunc({quoted})", key)
        if rows:
            text = "ids should be whole numbers or text. Found fractions, each an id of its own."
            return Finding("WARN", "keys", name, key, text, rows)
    met = context.engine.match(name, key, target, column)
    empty = context.engine.count(name) - met.rows
    blank = f"; {empty:,} rows have no value" if empty else ""
    if met.unmatched == 0:
        return Finding("PASS", "keys", name, key, f"all {met.rows:,} rows find their row of `{target}`{blank}")
    literals = ", ".join("'" + value.replace("'", "''") + "'" for value in met.examples[:3])
    rows = context.examples(name, f"{quoted}::VARCHAR IN ({literals})", key)
    if met.unmatched == met.rows:
        text = (
            f"should hold ids of `{target}.{column}`. None of {met.rows:,} rows does (found {', '.join(met.examples[:3])}). "
            f"Point the key at another table, or correct its values."
        )
        return Finding("FAIL", "keys", name, key, text, rows)
    text = (
        f"{met.unmatched:,} of {met.rows:,} rows ({met.unmatched / met.rows:.1%}) have no partner in `{target}.{column}`, "
        f"such as {', '.join(met.examples[:3])}; they are read as an unknown row of `{target}`{blank}."
    )
    return Finding("WARN", "keys", name, key, text, rows)
