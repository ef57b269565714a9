from __future__ import annotations

import pyarrow as pa
import pytest
from pydantic import ValidationError

from plait.errors import DataError, RunError, StoreError
from plait.export.bundle import load_bundle
from plait.run.run import Run
from plait.serve.ask.questions import FeedbackAsked, ItemsAsked, RankAsked, RecommendAsked, ScoreAsked, SimilarAsked
from plait.serve.service import Service


def test_unknown_items_are_named_and_the_others_ranked(service: Service) -> None:
    answer = service.rank(RankAsked(user="3", items=["f/1 é", "none", "f/2 é", "f/1 é"], formula="stars"))
    assert answer.unknown == ["none"]
    assert sorted(p.item for p in answer.items) == ["f/1 é", "f/2 é"]
    assert answer.items[0].tasks["stars"] >= answer.items[1].tasks["stars"]
    assert service.rank(RankAsked(user="3", items=["none"])).items == []


def test_somebody_unknown_is_ranked_by_the_model(service: Service) -> None:
    answer = service.rank(RankAsked(user="nobody", items=["f/1 é", "f/2 é"], formula="like"))
    assert not answer.known and answer.by == "like"


def test_scores_in_the_order_of_the_question(service: Service) -> None:
    answer = service.score(ScoreAsked(user="3", items=["f/2 é", "f/1 é"]))
    assert [p.item for p in answer.items] == ["f/2 é", "f/1 é"]
    assert answer.items[0].score is None and set(answer.items[0].tasks) == {"like", "stars"}


def test_scores_of_rows(service: Service) -> None:
    rows = [{"user_id": 3, "film_id": "f/1 é"}]
    answer = service.score(ScoreAsked(rows=rows, table="ratings"))
    assert answer.table == "ratings" and "like" in answer.rows[0]
    for wrong in ({}, {"user": "3"}, {"items": ["a"]}, {"user": "3", "items": ["a"], "rows": rows}):
        with pytest.raises(ValidationError, match="`user` and `items`, or `rows`, and not both"):
            ScoreAsked.model_validate(wrong)


def test_similar(service: Service) -> None:
    answer = service.similar(SimilarAsked(item="f/1 é", count=4, filters={"genres": "drama"}))
    assert answer.by == "next" and len(answer.items) == 4
    rows = [service._shop.offer.items.row_of[p.item] for p in answer.items]
    assert all((row - 1) % 4 in (0, 3) for row in rows)
    scores = [p.score for p in answer.items]
    assert scores == sorted(scores, reverse=True)
    with pytest.raises(DataError, match=r"such as `f/0 é`.* Found `f/1 e`. Did you mean `f/1 é`\?"):
        service.similar(SimilarAsked(item="f/1 e"))


def test_new_items_are_found(films_run: Run) -> None:
    service = Service(load_bundle(films_run.folder))
    added = service.add_items(ItemsAsked(rows=[{"film_id": "new", "title": "Brand new", "genres": "comedy"}]))
    assert added.items == ["new"]
    assert service.rank(RankAsked(user="3", items=["new"])).items[0].title == "Brand new"
    found = service.recommend(RecommendAsked(user="3", count=30, filters={"genres": "comedy"}))
    assert "new" in [p.item for p in found.items]
    assert service.similar(SimilarAsked(item="new", count=3)).items
    with pytest.raises(DataError, match=r"already, such as `new`"):
        service.add_items(ItemsAsked(rows=[{"film_id": "new", "title": "Again", "genres": None}]))
    with pytest.raises(DataError, match=r"should have a `film_id`, by which they are found"):
        service.add_items(ItemsAsked(rows=[{"title": "Again"}]))


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"film_id": "n2", "titel": "x"}, r"columns of the others: .*Found `titel`\. Did you mean `title`\?"),
        ({"title": "x"}, r"should have a `film_id`"),
    ],
)
def test_a_new_item_with_other_columns_is_refused(service: Service, row: dict[str, str], words: str) -> None:
    with pytest.raises(DataError, match=words):
        service.add_items(ItemsAsked(rows=[row]))


@pytest.mark.parametrize(
    ("given", "kept"), [("9001", 9001), (9001, 9001), (9001.0, 9001), (None, None), (9500.7, "9500.7 is not whole"),
                        ("9001.0", "int64, as those of the other items"), ("007", "int64"), ("9" * 30, "int64")],
)  # fmt: skip
def test_whole_numbers_come_as_words_too_and_are_never_cut(given: object, kept: object) -> None:
    from plait.serve.ask.shop import _table

    like = pa.table({"id": pa.array([1], pa.int64())})
    if isinstance(kept, str):
        with pytest.raises(DataError, match=kept):
            _table([{"id": given}], like)
    else:
        assert _table([{"id": given}], like)["id"].to_pylist() == [kept]


def test_without_a_store_feedback_is_refused(service: Service) -> None:
    with pytest.raises(StoreError, match=r"Found no store of events; start the service with `--store events.db`"):
        service.feedback(FeedbackAsked(user="1", item="f/1 é"))


def test_a_run_without_users_scores_rows_alone(people_run: Run) -> None:
    service = Service(load_bundle(people_run.folder))
    service.warm()
    with pytest.raises(RunError, match="Items are ranked for users"):
        service.recommend(RecommendAsked(user="1"))
    assert service.score(ScoreAsked(rows=[{"person_id": 1, "age": 30, "job": "cook"}])).table == "people"


def test_a_worn_index_is_built_anew_while_answers_go_on(films_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("faiss")
    import time
    from functools import partial

    from plait.export.bundle import load_bundle
    from plait.retrieve import Growing, choose
    from plait.serve.ask.questions import ItemsAsked, RecommendAsked, SimilarAsked
    from plait.serve.service import Service

    monkeypatch.setattr("plait.serve.ask.shop.choose", partial(choose, most=10))
    service = Service(load_bundle(films_run.folder))
    before = service._shop.offer.search
    for number in range(12):
        service.add_items(ItemsAsked(rows=[{"film_id": f"n{number}", "title": f"New {number}", "genres": "drama"}]))
        assert service.recommend(RecommendAsked(user="5", count=3)).degraded == []
    until = time.monotonic() + 20
    while service._shop._renewing.is_set() and time.monotonic() < until:
        time.sleep(0.01)
    search = service._shop.offer.search
    assert isinstance(before, Growing) and isinstance(search, Growing)
    assert search._index is not before._index
    assert search.rows == 42, "what came while it was built is behind it"
    assert service.similar(SimilarAsked(item="n11", count=41)).items
