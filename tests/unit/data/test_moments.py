"""Moments of every type, and their circles."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from plait.data.moments import MISSING, circles, moments
from plait.errors import DataError

NOON = dt.datetime(2024, 5, 31, 12, tzinfo=dt.UTC)
MICROS = int(NOON.timestamp()) * 10**6


@pytest.mark.parametrize(
    "column",
    [
        pa.array([NOON.replace(tzinfo=None), None], pa.timestamp("s")),
        pa.array([NOON.replace(tzinfo=None), None], pa.timestamp("ns")),
        pa.array([NOON, None], pa.timestamp("us", "UTC")),
        pa.array([NOON, None], pa.timestamp("ms", "Asia/Shanghai")),
        pa.array([MICROS // 10**6, None]),
        pa.array([MICROS / 10**6, float("nan")]),
        pa.array([MICROS // 10**3, None]),
        pa.array([MICROS, None]),
        pa.array([MICROS * 1000, None]),
        pa.array(["2024-05-31 12:00:00", None]),
        pa.array(["2024-05-31T12:00:00", " "]),
        pa.array(["2024-05-31T12:00:00Z", None]),
        pa.array(["2024-05-31T20:00:00+08:00", None]),
        pa.array([str(MICROS // 10**6), ""]),
        pa.array(["2024-05-31 12:00:00", None]).dictionary_encode(),
        pa.chunked_array([[MICROS // 10**6], [None]], pa.int64()),
    ],
)
def test_one_moment_in_every_type(column: pa.Array) -> None:
    assert moments(column, "t.at").tolist() == [MICROS, MISSING]


def test_dates_and_what_lies_before_1970() -> None:
    assert moments(pa.array([dt.date(1969, 12, 31)]), "t.d").tolist() == [-86_400 * 10**6]
    assert moments(pa.array([-1.5]), "t.d").tolist() == [-1_500_000]
    assert len(moments(pa.array([], pa.timestamp("us")), "t.d")) == 0


@pytest.mark.parametrize("column", [pa.array([True]), pa.array([[1]]), pa.array(["soon"])])
def test_what_is_no_moment(column: pa.Array) -> None:
    with pytest.raises(DataError, match="`t.at` should hold moments"):
        moments(column, "t.at")


def test_circles() -> None:
    noon, missing = circles(np.array([MICROS, MISSING])).T
    assert noon[:2] == pytest.approx([0, -1], abs=1e-6), "noon is opposite midnight"
    assert np.hypot(noon[0::2], noon[1::2]) == pytest.approx([1, 1, 1])
    assert missing.tolist() == [0] * 6
    monday = circles(np.array([int(dt.datetime(2024, 5, 27, tzinfo=dt.UTC).timestamp()) * 10**6]))[:, 0]
    assert monday[2:4] == pytest.approx([0, 1], abs=1e-6), "the week starts on Monday"


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["2024-05-31", "31/05/2024"], "`31/05/2024` in row 2"),
        (["1600000000", "1600000001", "when"], "`when` in row 3"),
        (["2024-05-31", "1600000000"], "`1600000000` in row 2"),
    ],
)
def test_the_word_that_is_no_moment_is_named(words: list[str], found: str) -> None:
    with pytest.raises(DataError, match=found):
        moments(pa.array(words), "t.at")
