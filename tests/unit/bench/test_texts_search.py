"""The bench on search: a query is tested by what never saw it, and only queries that can be put in a better order count."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bench.texts import chorus
from bench.texts.plan import Plan

GRADES = {"red lamp": [3, 1, 0], "blue lamp": [0, 3, 0], "cable": [0, 0, 0], "lamp": [2, 2, 2], "green desk": [0, 0, 3]}
PRODUCTS = ["red lamp", "blue lamp", "desk"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "chorus_search"
    folder.mkdir()
    rows = [(query, str(p), grade) for query, grades in GRADES.items() for p, grade in enumerate(grades)]
    query, product, grade = zip(*rows, strict=True)
    pq.write_table(pa.table({"query": query, "docid": product, "rating": grade}), folder / "judgements.parquet")
    shop = {"id": ["0", "1", "2"], "title": PRODUCTS, "short_description": [None, "shines", None]}
    pq.write_table(pa.table(shop), folder / "products.parquet")
    return tmp_path


def test_words_find_what_they_name(data: Path, tmp_path: Path) -> None:
    found = chorus.chorus(Plan(contestants=("tf-idf",), data=data, cache=tmp_path / "cache"))
    mixed, every = found["tasks"]["mixed"], found["tasks"]["any"]
    assert mixed["figures"]["tf-idf"]["value"] == pytest.approx(1.0)
    assert (mixed["rows"], every["rows"]) == (9, 15), "three queries whose products differ, all five"
    assert found["rows"].startswith("Trained on 15 graded pairs of 5 queries")


def test_no_query_is_seen_before_it_is_tested(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    search = chorus._read(data / "chorus_search", False)
    seen: list[set[int]] = []

    class Still:
        def __init__(self, *_: object) -> None:
            self.width = 1

        def read(self, texts: Sequence[str]) -> list[list[int]]:
            return [[place] for place in range(len(texts))]

        def vectors(self, texts: Sequence[str], bf16: bool) -> np.ndarray:
            return np.ones((len(texts), 1))

    def tune(_: object, rows: int, loss: object, *__: object) -> None:
        seen.append({int(one) for one in search.query[search.fold != part]})
        assert rows == int((search.fold != part).sum())

    monkeypatch.setattr(chorus, "MeanEncoder", Still)
    monkeypatch.setattr(chorus, "fine_tune", tune)
    for part in sorted({*search.fold.tolist()}):
        score, _ = chorus._tuned(search, part, chorus.Plain())
        assert len(score) == int((search.fold == part).sum())
        assert seen[-1].isdisjoint({*search.query[search.fold == part].tolist()})


def test_the_gain_of_a_grade_is_that_of_ndcg(data: Path) -> None:
    search = chorus._read(data / "chorus_search", False)
    result = chorus._result(search, (np.zeros(15), 1.0))
    assert {*result.outcomes["any"].label[:, 0].tolist()} == {0.0, 1.0, 3.0, 7.0}
