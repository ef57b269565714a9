"""Tables by name, asked in SQL of DuckDB in this process. Nothing else in Plait knows SQL.

A dozen named operations on tables by name. Parquet is read column by column in Arrow where no SQL is needed, because that is
several times faster; other formats and databases come into memory (or, where large, into a temporary Parquet file) first.
Row order is the order of the source: files sorted by path, rows as in the file, database rows as the table gives them.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, final

import pyarrow as pa

from plait.data.connection import Connection
from plait.data.databases import content, sqlite_rows
from plait.data.expressions import Refusal, canonical, literal, mentioned, plain, quote, reader, refused, unknown_column
from plait.data.lines import check_lines
from plait.data.passwords import hidden, refuse_password, revealed
from plait.data.sources import (
    Matching,
    Source,
    check_files,
    find,
    fingerprint,
    format_of,
    parquet_batches,
    parquet_column,
    parquet_rows,
    parquet_schema,
)
from plait.errors import DataError, MissingExtraError, RecipeError, nearest
from plait.schema import Table

__all__ = ["Engine", "Matching"]

_SPILL: Final = 256 << 20
"""Bytes of text files above which a table goes to a temporary Parquet file instead of memory."""


@final
class Engine:
    """Tables by name, read and asked in SQL. Use as a context manager: temporary files go when it closes.

    Args:
        base: the folder that relative sources start from.
    """

    def __init__(self, base: Path) -> None:
        self._base = base
        self._sources: dict[str, Source] = {}
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._lock = threading.Lock()
        self._connection: Connection | None = None

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection and remove temporary files."""
        if self._connection is not None:
            self._connection.close()
        if self._temporary is not None:
            self._temporary.cleanup()

    def open(self, name: str, table: Table) -> None:
        """Open a table of a recipe under its name; a table `of` another's column needs that table opened before.

        Raises:
            DataError: if the source is missing or unreadable.
            CorruptError: if a Parquet footer is damaged.
            RecipeError: if the table has neither `source` nor `of`, or `of` names nothing.
        """
        if table.of is not None:
            self._open_distinct(name, table)
        elif table.source is None:
            raise RecipeError(f"Table `{name}` should have a `source` or an `of`. Found neither.")
        elif "://" in table.source:
            self._open_database(name, table.source)
        else:
            self.read(name, table.source)

    def read(self, name: str, source: str) -> None:
        """Open a file, folder or glob as table `name`: Parquet, CSV/TSV or JSON lines."""
        files = find(name, source, self._base)
        origin = fingerprint(files)
        if format_of(files[0]) != "parquet":
            query = reader(files)
            if sum(f.stat().st_size for f in files) <= _SPILL:
                rows = self._load(name, source, query)
                check_lines(name, files, rows.column_names)
                self.add(name, rows)
                self._sources[name].origin = origin
                return
            texts, files = files, [self._spill(name, source, query)]
            check_lines(name, texts, parquet_schema(name, files).names)
        schema = parquet_schema(name, files)
        self._sources[name] = Source(schema, parquet_rows(files), files, None, origin)
        if self._connection is not None:
            self._connection.show(name, self._sources[name])

    def add(self, name: str, rows: pa.Table) -> None:
        """Open a table that is in memory."""
        self._sources[name] = Source(rows.schema, rows.num_rows, memory=rows)
        if self._connection is not None:
            self._connection.show(name, self._sources[name])

    def columns(self, name: str) -> dict[str, pa.DataType]:
        """Return the columns of a table and their Arrow types."""
        schema = self._source(name).schema
        return dict(zip(schema.names, schema.types, strict=True))

    def count(self, name: str) -> int:
        """Count the rows of a table."""
        return self._source(name).rows

    def origin(self, name: str) -> list[list[str | int]]:
        """Return what identifies the content of the table's files: path, size, time of change, hash."""
        return self._source(name).origin

    def column(self, name: str, column: str, dictionary: bool = False) -> pa.ChunkedArray:
        """Read one column whole, in row order. Safe to call from several threads.

        Args:
            name: the table.
            column: one of its columns.
            dictionary: whether text of Parquet files comes dictionary-encoded.

        Raises:
            DataError: if the column does not exist, with the nearest name.
            CorruptError: if a file is damaged, naming row group and column.
        """
        self.need(name, column)
        source = self._source(name)
        if source.memory is not None:
            return source.memory.column(column)
        kind = source.schema.field(column).type
        text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
        return parquet_column(source.files, column, dictionary and text)

    def batches(
        self, name: str, columns: Sequence[str], size: int, dictionary: Sequence[str] = ()
    ) -> Iterator[pa.RecordBatch]:
        """Read columns in batches of at most `size` rows, in row order; text of `dictionary` ones as in Parquet."""
        source = self._source(name)
        for column in columns:
            self.need(name, column)
        if source.memory is not None:
            yield from source.memory.select(list(columns)).to_batches(max_chunksize=size)
        else:
            text = [c for c in dictionary if pa.types.is_string(source.schema.field(c).type)]
            yield from parquet_batches(source.files, list(columns), size, text)

    def need(self, name: str, column: str, who: str = "") -> None:
        """Check that a table has a column.

        Raises:
            DataError: naming table, column and the nearest column there is.
        """
        known = list(self.columns(name))
        if column not in known:
            raise unknown_column(name, column, known, who)

    def evaluate(self, name: str, expressions: Mapping[str, str]) -> pa.Table:
        """Evaluate SQL expressions on every row of a table, in row order.

        Args:
            name: the table.
            expressions: who asks (such as `label of task like`), for messages and as the name of the result -> expression.

        Returns:
            One column per expression, one row per row of the table.

        Raises:
            RecipeError: if an expression cannot be read, naming it, who asks and the nearest column.
            DataError: if an expression fails on a value.
        """
        known = self.columns(name)
        if all(e in known for e in expressions.values()):
            return pa.table({who: self.column(name, e) for who, e in expressions.items()})
        for who, expression in expressions.items():
            self.mentioned(name, expression, who)
        selected = [f"({e}) AS {quote(who)}" for who, e in expressions.items()]
        try:
            result = self._run(f"SELECT {', '.join(selected)} FROM {quote(name)}")
        except Refusal:
            for who, expression in expressions.items():
                try:
                    self._run(f"SELECT ({expression}) FROM {quote(name)}")
                except Refusal as error:
                    raise refused(name, who, expression, str(error), error.on_value) from error
            raise
        if result.num_rows != self.count(name):
            raise RecipeError(
                f"{'; '.join(expressions)} on table `{name}`: an expression should give one value per row, so it cannot be "
                f"an aggregate such as `sum` or `count`. Found {result.num_rows} values for {self.count(name)} rows."
            )
        return result

    def mentioned(self, name: str, expression: str, who: str) -> list[str]:
        """List the columns of the table that an SQL expression names, as the table spells them.

        Raises:
            RecipeError: if the expression is no SQL, or names a column that does not exist.
        """
        known = self.columns(name)
        return [expression] if expression in known else mentioned(name, list(known), expression, who)

    def group_counts(self, name: str, column: str, most: int) -> pa.Table:
        """Count the rows of each value of a column: columns `value` and `count`, the most frequent first, NULL included."""
        self.need(name, column)
        return self._run(
            f"SELECT {quote(column)} AS value, count(*) AS count FROM {quote(name)} "
            f"GROUP BY 1 ORDER BY count DESC, value NULLS LAST LIMIT {int(most)}"
        )

    def quantiles(self, name: str, column: str, points: Sequence[float], sample: int) -> list[float]:
        """Estimate quantiles of a number column from about `sample` rows spread evenly; NULL, NaN and infinite left out."""
        self.need(name, column)
        step = max(1, self.count(name) // sample)
        listed = "[" + ", ".join(str(float(p)) for p in points) + "]"
        found = self._run(
            f"SELECT quantile_cont(v, {listed}) AS q FROM (SELECT {quote(column)}::DOUBLE AS v, row_number() OVER () AS r "
            f"FROM {quote(name)}) WHERE r % {step} = 0 AND isfinite(v)"
        )
        return [float(v) for v in found.column("q")[0].as_py() or []]

    def duplicates(self, name: str, column: str, most: int = 5) -> tuple[int, list[str]]:
        """Count the values of a column that occur more than once, and name a few of them, the most frequent first."""
        self.need(name, column)
        found = self._run(
            f"SELECT {quote(column)}::VARCHAR AS value, count(*) AS n, count(*) OVER () AS values FROM {quote(name)} "
            f"WHERE {quote(column)} IS NOT NULL GROUP BY {quote(column)} HAVING n > 1 "
            f"ORDER BY n DESC, value LIMIT {int(most)}"
        )
        total = int(found.column("values")[0].as_py()) if found.num_rows else 0
        return total, [str(v) for v in found.column("value").to_pylist()]

    def match(self, name: str, column: str, target: str, target_column: str, most: int = 5) -> Matching:
        """Count the rows of a key column that have no partner among the ids of another table."""
        self.need(name, column)
        self.need(target, target_column)
        key = canonical(column, self.columns(name)[column])
        other = canonical(target_column, self.columns(target)[target_column])
        found = self._run(
            f"SELECT k, n, k NOT IN "
            f"(SELECT {other} FROM {quote(target)} WHERE {quote(target_column)} IS NOT NULL) AS alone FROM "
            f"(SELECT {key} AS k, count(*) AS n FROM {quote(name)} WHERE {quote(column)} IS NOT NULL GROUP BY 1) "
            f"ORDER BY alone DESC, n DESC, k"
        )
        rows = sum(found.column("n").to_pylist())
        alone = [(k, n) for k, n, a in zip(*(found.column(c).to_pylist() for c in ("k", "n", "alone")), strict=True) if a]
        return Matching(int(rows), int(sum(n for _, n in alone)), [str(k) for k, _ in alone[:most]])

    def examples(self, name: str, condition: str, most: int = 3, columns: Sequence[str] = ()) -> pa.Table:
        """Return the first rows that meet an SQL condition, with their row number from 1 in a column `row`."""
        chosen = ", ".join(["row", *(quote(c) for c in columns)]) if columns else "*"
        try:
            return self._run(
                f"SELECT {chosen} FROM (SELECT row_number() OVER () AS row, * FROM {quote(name)}) "
                f"WHERE ({condition}) ORDER BY row LIMIT {int(most)}"
            )
        except Refusal as error:
            raise refused(name, "condition", condition, str(error), error.on_value) from error

    def sample(self, name: str, columns: Sequence[str], most: int) -> pa.Table:
        """Return at most `most` rows spread evenly over a table, in row order."""
        for column in columns:
            self.need(name, column)
        step = max(1, -(-self.count(name) // most))
        chosen = ", ".join(quote(c) for c in columns) or "*"
        if step == 1:
            return self._run(f"SELECT {chosen} FROM {quote(name)}")
        if not columns:
            chosen = "* EXCLUDE (__row)"
        return self._run(
            f"SELECT {chosen} FROM (SELECT row_number() OVER () AS __row, * FROM {quote(name)}) "
            f"WHERE (__row - 1) % {step} = 0"
        )

    def _source(self, name: str) -> Source:
        if name not in self._sources:
            raise RecipeError(
                f"There should be a table `{name}`. Found {list(self._sources)}.{nearest(name, list(self._sources))}"
            )
        return self._sources[name]

    def _run(self, query: str) -> pa.Table:
        with self._lock:
            # Opened at the first question, because much of the work (serving above all) asks none.
            if self._connection is None:
                self._connection = Connection()
                for name, source in self._sources.items():
                    self._connection.show(name, source)
            try:
                return self._connection.run(query)
            except Refusal as error:
                if error.on_file:
                    check_files(path for source in self._sources.values() for path in source.files)
                raise

    def _load(self, name: str, source: str, query: str) -> pa.Table:
        try:
            return self._run(query)
        except Refusal as error:
            raise DataError(f"Table `{name}`: source `{source}` should be readable as a table. {error}") from error

    def _spill(self, name: str, source: str, query: str) -> Path:
        if self._temporary is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="plait-")
        path = Path(self._temporary.name) / f"{len(self._sources)}.parquet"
        self._load(name, source, f"COPY ({query}) TO {literal(str(path))} (FORMAT parquet)")
        return path

    def _open_distinct(self, name: str, table: Table) -> None:
        owner, _, column = (table.of or "").partition(".")
        if owner not in self._sources or not column:
            raise RecipeError(
                f"Table `{name}`: `of` should name a key column as `table.column` of a table with a source. Found "
                f"`{table.of}`; there are tables {list(self._sources)}.{nearest(owner, list(self._sources))}"
            )
        self.need(owner, column, f"Table `{name}`, `of: {table.of}`")
        quoted = quote(column)
        rows = self._run(
            f"SELECT DISTINCT {quoted} AS {quote(table.id or column)} FROM {quote(owner)} "
            f"WHERE {quoted} IS NOT NULL ORDER BY 1"
        )
        self.add(name, rows)
        self._sources[name].origin = self._sources[owner].origin

    def _open_database(self, name: str, source: str) -> None:
        refuse_password(name, source)
        url, _, inner = source.partition("#")
        if not inner:
            raise RecipeError(f"Table `{name}`: a database URL should name its table after `#`, as in `{url}#orders`.")
        kind, _, path = url.partition(":///")
        if kind == "sqlite":
            rows = sqlite_rows(name, self._base / path, inner)
        elif kind == "duckdb":
            rows = self._load(name, source, f"SELECT * FROM {self._attach(name, self._base / path)}.{quote(inner)}")
        else:
            rows = self._fetch(name, url, inner)
        self.add(name, rows)
        self._sources[name].origin = [[source, rows.num_rows, rows.nbytes, content(rows)]]

    def _attach(self, name: str, path: Path) -> str:
        if not path.is_file():
            raise DataError(f"Table `{name}`: there is no database file {path}. Correct `tables.{name}.source`.")
        alias = quote(f"database {path}")
        self._load(name, str(path), f"ATTACH IF NOT EXISTS {literal(str(path))} AS {alias} (READ_ONLY)")
        return alias

    @staticmethod
    def _fetch(name: str, url: str, inner: str) -> pa.Table:
        import ibis

        whole = revealed(name, url)
        try:
            there = ibis.connect(whole)
            known = there.list_tables()
            if inner not in known:
                said = f"Found {known[:20]}.{nearest(inner, known)}"
                raise DataError(f"Table `{name}`: {url} should have a table `{inner}`. {said}")
            return there.table(inner).to_pyarrow()
        except DataError:
            raise
        except ImportError as error:
            kind = url.partition(":")[0]
            raise MissingExtraError(
                f"Table `{name}`: reading {kind} databases needs `pip install 'ibis-framework[{kind}]' pandas`."
            ) from error
        except Exception as error:  # noqa: BLE001  drivers raise what they like, and quote what they were given
            said = plain(hidden(str(error), url, whole))
            raise DataError(f"Table `{name}`: the database {url} cannot be read: {said}") from None
