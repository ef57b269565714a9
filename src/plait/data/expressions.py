"""SQL as text: quoting, the columns an expression names, an engine's message in one sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from plait.data.sources import format_of
from plait.errors import DataError, RecipeError, nearest

if TYPE_CHECKING:
    from sqlglot.errors import SqlglotError

__all__ = [
    "Refusal",
    "canonical",
    "literal",
    "mentioned",
    "plain",
    "quote",
    "reader",
    "refused",
    "renamed",
    "unknown_column",
]


class Refusal(DataError):
    """The engine's own words on why it does not answer.

    Attributes:
        on_value: whether it is a value of a table that is at fault.
        on_file: whether it may be a damaged file.
    """

    def __init__(self, message: str, on_value: bool, on_file: bool) -> None:
        super().__init__(message)
        self.on_value = on_value
        self.on_file = on_file


def unknown_column(name: str, column: str, known: Sequence[str], who: str) -> DataError:
    """Say that a table has no such column, and which one was probably meant.

    Args:
        name: the table.
        column: what was asked for.
        known: its columns.
        who: who asks; the table itself where empty.
    """
    listed = ", ".join(known[:20]) + (" …" if len(known) > 20 else "")
    return DataError(
        f"{who or f'Table `{name}`'}: there should be a column `{column}` in table `{name}`. Found {len(known)} "
        f"columns: {listed}.{nearest(column, list(known))}"
    )


def quote(name: str) -> str:
    """Quote a name of a table or column for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """Quote a text for SQL."""
    return "'" + value.replace("'", "''") + "'"


def canonical(column: str, kind: pa.DataType) -> str:
    """Write a key as text, so that 1, 1.0 and '1' meet and 1.5 stays a value of its own."""
    name = quote(column)
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return f"CASE WHEN {name} = trunc({name}) THEN TRY_CAST({name} AS HUGEINT)::VARCHAR ELSE {name}::VARCHAR END"
    return f"{name}::VARCHAR"


def mentioned(name: str, columns: Sequence[str], expression: str, who: str) -> list[str]:
    """List the columns that an SQL expression names, as the table spells them.

    Args:
        name: the table.
        columns: its columns.
        expression: SQL as DuckDB reads it, one value per row.
        who: whose expression it is, for messages.

    Raises:
        RecipeError: if the expression is no SQL, is an aggregate or statement, or names a column that does not exist.
    """
    import sqlglot
    from sqlglot import exp

    columns = list(columns)
    try:
        tree = sqlglot.parse_one(expression, read="duckdb")
    except sqlglot.errors.SqlglotError as error:
        raise RecipeError(
            f"{who}: `{expression}` should be an SQL expression over the columns of table `{name}`. {_unread(error)}"
        ) from error
    if isinstance(tree, exp.Query | exp.Command | exp.DDL) or tree.find(exp.AggFunc) is not None:
        raise RecipeError(
            f"{who}: `{expression}` should be an SQL expression with one value per row of table `{name}`, "
            f"no statement and no aggregate."
        )
    known = {c.lower(): c for c in columns}
    inner = {a.name.lower() for f in tree.find_all(exp.Lambda) for a in f.expressions}
    found: list[str] = []
    for column in tree.find_all(exp.Column):
        if column.name.lower() in inner:
            continue
        first = column.parts[0].name if len(column.parts) > 1 else column.name
        spelled = known.get(column.name.lower()) or known.get(first.lower())
        if spelled is None:
            raise RecipeError(
                f"{who}: `{expression}` names `{column.name}`, which is no column of table `{name}`. "
                f"Found {', '.join(columns[:20])}.{nearest(column.name, columns)}"
            )
        if spelled not in found:
            found.append(spelled)
    return found


def _unread(error: SqlglotError) -> str:
    """Say where an expression stops being SQL; the parser's own words name its classes."""
    from sqlglot.errors import ParseError

    if not isinstance(error, ParseError) or not error.errors:
        return "It cannot be cut into words: a quotation mark may be open."
    first = error.errors[0]
    wanted = f" {first['description']}." if str(first["description"]).startswith("Expect") else ""
    return f"It cannot be read at `{first['highlight']}`, character {first['col']}.{wanted}"


def renamed(expression: str, who: str, rename: Callable[[str, str], str]) -> str:
    """Give the columns of an SQL condition other names.

    Args:
        expression: SQL as DuckDB reads it, one value per row.
        who: whose expression it is, for messages.
        rename: qualifier (empty where there is none) and column -> the new name.

    Raises:
        RecipeError: if the expression is no SQL, or is an aggregate or statement.
    """
    import sqlglot
    from sqlglot import exp

    try:
        tree = sqlglot.parse_one(expression, read="duckdb")
    except sqlglot.errors.SqlglotError as error:
        raise RecipeError(f"{who}: `{expression}` should be an SQL condition. {_unread(error)}") from error
    if isinstance(tree, exp.Query | exp.Command | exp.DDL) or tree.find(exp.AggFunc, exp.Subquery) is not None:
        raise RecipeError(f"{who}: `{expression}` should be an SQL condition with one value per row, no statement.")
    inner = {a.name.lower() for f in tree.find_all(exp.Lambda) for a in f.expressions}
    holder = exp.Paren(this=tree)
    for column in list(holder.find_all(exp.Column)):
        if column.name.lower() not in inner:
            column.replace(exp.column(rename(column.table, column.name), quoted=True))
    return holder.sql(dialect="duckdb")


def reader(files: Sequence[Path]) -> str:
    """Write the query that reads text files; the first line of CSV and TSV names the columns."""
    listed = "[" + ", ".join(literal(str(f)) for f in files) + "]"
    if format_of(files[0]) == "json":
        return f"SELECT * FROM read_json({listed}, format = 'auto', sample_size = -1)"
    return f"SELECT * FROM read_csv({listed}, header = true, skip = 0, sample_size = -1)"


def refused(name: str, who: str, expression: str, message: str, on_value: bool) -> DataError | RecipeError:
    """Say why an expression cannot be evaluated.

    Args:
        name: the table.
        who: whose expression it is.
        expression: the expression.
        message: the engine's sentence.
        on_value: whether it is a value of the table that is at fault, not the expression.
    """
    if on_value:
        return DataError(
            f"{who}: `{expression}` fails on a value of table `{name}`: {message} "
            f"`try_cast(column AS type)` gives NULL where a value cannot be converted."
        )
    advice = " Where a column holds text, `try_cast(column AS DOUBLE)` reads its numbers." if "VARCHAR" in message else ""
    return RecipeError(f"{who}: `{expression}` on table `{name}` cannot be evaluated: {message}{advice}")


def plain(message: str) -> str:
    """Cut an engine's message to its first sentence, on one line and without terminal colours."""
    message = re.sub(r"\x1b\[[0-9;]*m", "", message)
    first = re.split("\n\nLINE|Possible [Ss]olution|Possible fixes", message)[0].replace("\n", " ").strip()
    return first if first.endswith((".", "!", "?")) else first + "."
