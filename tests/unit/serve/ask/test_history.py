"""What a user did, and lists as if they had done something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.serve.ask.questions import FeedbackAsked, HistoryAsked, RecommendAsked

if TYPE_CHECKING:
    from plait.serve.service import Service


def shown(service: Service, **asked: object) -> list[tuple[str, float | None]]:
    answer = service.recommend(RecommendAsked.model_validate({"user": "5", "count": 30, **asked}))
    return [(item.item, item.score) for item in answer.items]


def test_the_newest_first_with_what_was_observed(service: Service) -> None:
    said = service.history(HistoryAsked(user="1", count=18))
    assert (said.known, said.total) == (True, 30)
    assert len(said.items) == 5, "the run's history keeps the newest five"
    assert set(said.items[0].labels) == {"like", "stars"}
    assert said.items[0].kind is None


def test_somebody_unknown_did_nothing(service: Service) -> None:
    said = service.history(HistoryAsked(user="nobody"))
    assert (said.known, said.total, said.items) == (False, 0, [])


def test_feedback_comes_before_what_the_run_knows(told: Service) -> None:
    told.feedback(FeedbackAsked(user="1", item="f/3 é", kind="click", value=2.0, at=1e9))
    told.feedback(FeedbackAsked(user="1", item="gone", kind="skip"))
    said = told.history(HistoryAsked(user="1", count=3))
    assert [one.item for one in said.items[:2]] == ["gone", "f/3 é"]
    assert (said.items[1].kind, said.items[1].value, said.items[1].at) == ("click", 2.0, 1e9)
    assert len(said.items) == 3


def test_as_if_they_had_had_it_is_as_feedback_is(service: Service, told: Service) -> None:
    told.feedback(FeedbackAsked(user="5", item="f/3 é", kind="click"))
    assert shown(service, also=["f/3 é"]) == shown(told)
    assert shown(service, also=["f/3 é"]) != shown(service)


def test_as_if_they_had_not_had_it(service: Service, told: Service) -> None:
    told.feedback(FeedbackAsked(user="5", item="f/3 é", kind="click"))
    before = service.recommend(RecommendAsked(user="5", count=30, seen=False))
    without = told.recommend(RecommendAsked(user="5", count=30, seen=False, without=["f/3 é", "nothing"]))
    listed = {item.item for item in without.items}
    assert listed >= {item.item for item in before.items}, "nothing else is taken away"
    assert "f/3 é" in listed, "what was not had may be shown"
    newest = service.history(HistoryAsked(user="5", count=1)).items[0].item
    assert shown(service, without=[newest]) != shown(service)


def test_somebody_unknown_with_a_basket_is_known(service: Service) -> None:
    plain = service.recommend(RecommendAsked(user="nobody", count=3))
    basket = service.recommend(RecommendAsked(user="nobody", count=3, also=["f/3 é", "f/7 é"]))
    assert (plain.known, plain.by) == (False, "popularity")
    assert basket.known
    assert basket.by == service.formula
