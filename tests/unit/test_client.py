"""The client: typed answers, patience with a busy service, feedback that is kept once."""

from __future__ import annotations

import json

import httpx
import pytest

from plait.client import Client, FeedbackAsked, ItemsAsked, RecommendAsked
from plait.errors import ServiceError

LIST = {
    "model": "abc",
    "degraded": [],
    "took": {"rank": 1.5},
    "user": "15",
    "known": True,
    "by": "like",
    "items": [{"item": "50", "title": "Star Wars", "score": 0.5, "tasks": {"like": 0.9}}],
}


class Service:
    """Answers what it is told to, and remembers what it was asked."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self, **more: object) -> Client:
        return Client("http://shop", transport=httpx.MockTransport(self), **more)  # type: ignore[arg-type]


def test_a_question_goes_out_and_a_typed_answer_comes_back() -> None:
    service = Service(httpx.Response(200, json=LIST))
    with service.client(key="secret") as client:
        found = client.recommend(RecommendAsked(user="15", count=1))
    assert found.items[0].title == "Star Wars"
    assert found.items[0].score == 0.5
    assert service.asked[0].url.path == "/v1/recommend"
    assert service.asked[0].headers["authorization"] == "Bearer secret"
    assert json.loads(service.asked[0].content) == {"user": "15", "count": 1}


def test_a_busy_service_is_asked_again_after_the_time_it_names() -> None:
    busy = httpx.Response(429, headers={"retry-after": "0"}, json={"error": "busy"})
    service = Service(busy, httpx.Response(503, headers={"retry-after": "0"}), httpx.Response(200, json=LIST))
    assert service.client().recommend(RecommendAsked(user="15")).user == "15"
    assert len(service.asked) == 3


def test_a_service_that_stays_busy_is_named_so() -> None:
    service = Service(*(httpx.Response(429, headers={"retry-after": "0"}, json={"error": "Too many."}) for _ in range(2)))
    with pytest.raises(ServiceError, match="Too many") as caught:
        service.client(retries=1).recommend(RecommendAsked(user="15"))
    assert caught.value.status == 429


def test_a_refusal_says_why_in_the_words_of_the_service() -> None:
    service = Service(httpx.Response(422, json={"error": "`user` should be there."}))
    with pytest.raises(ServiceError, match="`user` should be there") as caught:
        service.client().recommend(RecommendAsked(user="15"))
    assert caught.value.status == 422
    assert len(service.asked) == 1


def test_feedback_that_was_not_heard_is_sent_again_under_the_same_key() -> None:
    kept = {"model": "abc", "degraded": [], "took": {}, "key": "k", "repeated": True}
    service = Service(httpx.ReadTimeout("late"), httpx.Response(200, json=kept))
    assert service.client().feedback(FeedbackAsked(user="15", item="50")).repeated
    first, second = (json.loads(request.content)["key"] for request in service.asked)
    assert first == second and len(first) == 32


def test_new_items_are_not_sent_twice() -> None:
    service = Service(httpx.ReadTimeout("late"))
    with pytest.raises(ServiceError, match="should answer. Found ReadTimeout") as caught:
        service.client().add_items(ItemsAsked(rows=[{"movie_id": 1}]))
    assert caught.value.status is None
    assert len(service.asked) == 1


def test_everything_a_service_answers_can_be_asked() -> None:
    from inspect import isfunction, signature

    from plait.serve.service import Service as Answering

    asked = {name for name, one in vars(Answering).items() if isfunction(one) and "asked" in signature(one).parameters}
    assert len(asked) >= 12
    assert asked <= set(vars(Client))
