from __future__ import annotations

import pytest

from plait.serve.ask.profile import share_of
from plait.serve.ask.questions import FeedbackAsked, ProfileAsked
from plait.serve.service import Service


def test_the_interval_of_a_share() -> None:
    half = share_of(50, 100)
    assert (half.low, half.value, half.high) == pytest.approx((0.4038, 0.5, 0.5962), abs=1e-4)
    assert share_of(0, 10).low == 0 and share_of(10, 10).high == pytest.approx(1)


def test_interests_are_more_than_chance(service: Service) -> None:
    answer = service.profile(ProfileAsked(user="5"))
    assert answer.known and answer.events == len(service._shop.seen.items(5)) and answer.degraded == []
    for interest in answer.interests:
        assert interest.column == "genres" and interest.share.low > interest.everywhere
        assert interest.lift == pytest.approx(interest.share.value / interest.everywhere)


def test_evidence_grows_with_feedback(told: Service) -> None:
    assert not told.profile(ProfileAsked(user="new")).known
    told.feedback(FeedbackAsked(user="new", item="f/3 é"))
    answer = told.profile(ProfileAsked(user="new"))
    assert answer.known and answer.events == 1 and answer.attributes == {}
