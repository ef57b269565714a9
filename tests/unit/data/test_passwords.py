"""Sources of tables: a password stands in no recipe, no run and no error."""

from __future__ import annotations

from pathlib import Path

import pytest

from plait.data.engine import Engine
from plait.data.passwords import hidden, refuse_password, revealed
from plait.errors import DataError, RecipeError
from plait.schema import Table


@pytest.mark.parametrize(
    "source",
    [
        "postgresql://shop:s3cret@host/db#orders",
        "mysql://shop:${A}s3cret@host/db#orders",
        "postgresql://host/db?user=shop&password=s3cret#orders",
        "postgresql://host/db?pass%77ord=s3cret#orders",
        "postgresql://host/db?sslpassword=s3cret#orders",
        "snowflake://shop@host/db?private_key_pwd=s3cret#orders",
        "duckdb:///shop.duckdb?motherduck_token=s3cret#orders",
        "postgresql://shop:a/s3cret@host/db#orders",
        "postgresql://shop:a@s3cret@host/db#orders",
        "postgresql://shop:a#s3cret@host/db#orders",
        "postgresql://:s3cret@host/db#orders",
    ],
)
def test_a_source_with_a_password_is_refused_without_saying_it(source: str) -> None:
    with pytest.raises(RecipeError, match=r"should hold no password.*\$\{ORDERS_PASSWORD\}") as caught:
        refuse_password("orders", source)
    assert "s3cret" not in str(caught.value)


def test_the_variable_that_is_proposed_can_be_one() -> None:
    with pytest.raises(RecipeError, match=r"\$\{_2024_ORDERS_PASSWORD\}"):
        refuse_password("2024-orders", "postgresql://shop:s3cret@host/db#orders")


@pytest.mark.parametrize(
    "source",
    [
        "sqlite:///shop.db#orders",
        "sqlite:///a:b@c.db#orders",
        "postgresql://host:5432/db#orders",
        "postgresql://shop@host/db?sslkey=/keys/k&passfile=/keys/p#orders",
        "postgresql://shop:${PW}@host/db?sslpassword=${KEY}#orders",
    ],
)
def test_a_source_without_one_is_not(source: str) -> None:
    refuse_password("orders", source)


def test_the_variable_is_read_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PW", "s3c:r@t/")
    assert revealed("orders", "postgresql://shop:${PW}@host/db") == "postgresql://shop:s3c%3Ar%40t%2F@host/db"
    assert revealed("orders", "postgresql://h/d?sslpassword=${PW}") == "postgresql://h/d?sslpassword=s3c%3Ar%40t%2F"
    assert revealed("orders", "postgresql://host/db") == "postgresql://host/db"
    monkeypatch.delenv("PW")
    with pytest.raises(RecipeError, match="the variable `PW` should hold the password"):
        revealed("orders", "postgresql://shop:${PW}@host/db")


def test_a_driver_that_quotes_it_is_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PW", "p@w")
    url, whole = "postgresql://a:${PW}@h/d", "postgresql://a:p%40w@h/d"
    assert hidden(f"no {whole}, no p@w", url, whole) == f"no {url}, no ***"
    assert hidden("no p%40w", url, whole) == "no ***"
    assert hidden("no p@w", "postgresql://h/d", "postgresql://h/d") == "no p@w"


def test_a_server_that_cannot_be_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("psycopg")
    monkeypatch.setenv("PW", "s3cret")
    with Engine(tmp_path) as engine, pytest.raises(DataError) as caught:
        engine.open("orders", Table(source="postgresql://shop:${PW}@127.0.0.1:1/db#orders"))
    assert "s3cret" not in str(caught.value)
    assert "${PW}" in str(caught.value)
