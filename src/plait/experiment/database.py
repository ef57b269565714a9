"""A database by URL: SQLite in a file, or PostgreSQL; what each needs so that a commit is on the disk when it returns."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import QueuePool

from plait.errors import MissingExtraError, RecipeError

__all__ = ["readers", "shown", "url_of", "writer"]

_READERS: Final = 8


def url_of(store: str | os.PathLike[str]) -> URL:
    """Read where a store lies: a file, or a URL of SQLite or PostgreSQL.

    Raises:
        RecipeError: it is neither.
        MissingExtraError: PostgreSQL is asked for and its driver is not installed.
    """
    text = os.fspath(store)
    if "://" not in text:
        return URL.create("sqlite", database=str(Path(text).absolute()))
    try:
        url = make_url(text)
        kind = url.get_backend_name()
    except (ArgumentError, ValueError):
        # Its text may hold a password and is not shown.
        kind = "something unreadable after " + text.split("://")[0]
    if kind == "sqlite" and url.database not in (None, "", ":memory:"):
        return url
    if kind not in ("postgresql", "postgres"):
        raise RecipeError(
            "An event store should be a file, or sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE, because an "
            f"event must be on a disk when it is acknowledged. Found: `{kind}://`."
        )
    if importlib.util.find_spec("psycopg") is None:
        raise MissingExtraError("Events in PostgreSQL need its driver. Install it with: pip install 'plait[postgres]'")
    return url.set(drivername="postgresql+psycopg")


def shown(url: URL) -> str:
    """Write where a store lies without its password, its user and its options."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return f"postgresql://{url.host or 'localhost'}/{url.database or ''}"


def writer(url: URL, patience: float) -> Engine:
    """Return the engine that writes; only one thread of a process uses it.

    Args:
        url: where.
        patience: seconds to wait for a lock.
    """
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, poolclass=QueuePool, pool_size=1, connect_args=_sqlite(patience))

        @event.listens_for(engine, "connect")
        def connected(connection: Any, record: object) -> None:  # noqa: ANN401, ARG001
            # Transactions are begun below and not by the driver, which would begin them without the lock.
            connection.isolation_level = None
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")

        @event.listens_for(engine, "begin")
        def begun(connection: Any) -> None:  # noqa: ANN401
            # Takes the lock at once: one that began to read could not wait for it.
            connection.exec_driver_sql("BEGIN IMMEDIATE")

        return engine
    return create_engine(url, pool_size=1, pool_pre_ping=True, connect_args=_postgres(patience))


def readers(url: URL, patience: float) -> Engine:
    """Return the engine that reads; any thread may use it.

    Args:
        url: where.
        patience: seconds to wait for a lock.
    """
    if url.get_backend_name() == "sqlite":
        return create_engine(
            url,
            poolclass=QueuePool,
            pool_size=_READERS,
            max_overflow=_READERS,
            isolation_level="AUTOCOMMIT",
            connect_args=_sqlite(patience),
        )
    return create_engine(
        url, pool_size=_READERS, isolation_level="AUTOCOMMIT", pool_pre_ping=True, connect_args=_postgres(patience)
    )


def _sqlite(patience: float) -> dict[str, Any]:
    return {"timeout": patience, "check_same_thread": False}


def _postgres(patience: float) -> dict[str, Any]:
    # A server that was set to acknowledge before its disk did is overruled for this connection.
    settings = {"synchronous_commit": "on", "lock_timeout": f"{patience:.3f}s", "statement_timeout": f"{4 * patience:.3f}s"}
    words = " ".join(f"-c {name}={value}" for name, value in settings.items())
    return {"options": words, "connect_timeout": max(2, round(patience))}
