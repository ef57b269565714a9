"""DuckDB in this process, through Ibis: one query after the other."""

from __future__ import annotations

from typing import final

import pyarrow as pa

from plait.data.expressions import Refusal, literal, plain, quote
from plait.data.sources import Source

__all__ = ["Connection"]


@final
class Connection:
    """DuckDB in this process, through Ibis."""

    def __init__(self) -> None:
        import duckdb
        import ibis

        self._ibis = ibis.duckdb.connect()
        self._error = duckdb.Error
        self._on_value = (duckdb.ConversionException, duckdb.OutOfRangeException, duckdb.InvalidInputException)
        self._on_words = (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException)
        self.run("SET preserve_insertion_order = true")
        self.run("SET TimeZone = 'UTC'")

    def run(self, query: str) -> pa.Table:
        """Ask, or raise `Refusal`."""
        try:
            return self._ibis.raw_sql(query).to_arrow_table()
        except self._error as error:
            on_file = not isinstance(error, self._on_words)
            raise Refusal(plain(str(error)), isinstance(error, self._on_value), on_file) from error

    def show(self, name: str, source: Source) -> None:
        """Let queries see a table under its name."""
        if source.memory is not None:
            self._ibis.con.register(name, source.memory)
        else:
            listed = "[" + ", ".join(literal(str(f)) for f in source.files) + "]"
            self.run(f"CREATE OR REPLACE TEMP VIEW {quote(name)} AS SELECT * FROM read_parquet({listed})")

    def close(self) -> None:
        """Forget everything."""
        self._ibis.disconnect()
