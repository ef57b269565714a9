"""Everything a service answers, as routes under `/v1`: each reads its question and calls one method."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from fastapi import FastAPI
from starlette.responses import Response

from plait.serve.ask import answers as a
from plait.serve.ask import questions as q
from plait.serve.http.desk import Desk, say
from plait.serve.http.shadow import compare
from plait.serve.service import Service

__all__ = ["add_asks", "told"]

Said = TypeVar("Said", bound=a.Answer)


def add_asks(app: FastAPI, service: Service, desk: Desk) -> None:
    """Add a route for each thing a service answers."""
    _add_for_users(app, service, desk)
    _add_others(app, service, desk)


async def told(desk: Desk, work: Callable[[], Said], after: Callable[[Said], None] | None = None) -> Response:
    """Do the work, count what the answer says of itself, and write it.

    Args:
        desk: where the work is done.
        work: makes the answer; it may be done twice.
        after: what is done once with the answer that is given.
    """

    def written() -> tuple[Said, Response]:
        answer = work()
        return answer, say(answer)

    answer, response = await desk.lanes.model(written)
    desk.metrics.answer(answer.took, answer.degraded)
    if after is not None:
        after(answer)
    return response


def _kept(desk: Desk, answer: a.Feedback) -> a.Feedback:
    """Count an event that is on the disk."""
    desk.metrics.events(new=int(not answer.repeated), repeated=int(answer.repeated))
    desk.metrics.answer(answer.took, answer.degraded)
    return answer


def _offered(desk: Desk, service: Service, asked: q.ItemsAsked) -> a.Added:
    """Add items here; where the other workers do not read them in the store, tell them."""
    added = service.add_items(asked)
    desk.metrics.answer(added.took, added.degraded)
    if desk.newcomers is not None:
        desk.newcomers.tell([dict(row) for row in asked.rows])
    return added


def _add_for_users(app: FastAPI, service: Service, desk: Desk) -> None:
    @app.post("/v1/recommend", tags=["items for users"], response_model=a.Recommended)
    async def recommend(asked: q.RecommendAsked) -> Response:
        def ask(of: Service) -> a.Recommended:
            return of.recommend(asked)

        return await told(desk, lambda: ask(service), lambda answer: compare(desk, answer, ask))

    @app.post("/v1/rank", tags=["items for users"], response_model=a.Ranked)
    async def rank(asked: q.RankAsked) -> Response:
        def ask(of: Service) -> a.Ranked:
            return of.rank(asked)

        return await told(desk, lambda: ask(service), lambda answer: compare(desk, answer, ask))

    @app.post("/v1/score", tags=["items for users"], response_model=a.Scored)
    async def score(asked: q.ScoreAsked) -> Response:
        return await told(desk, lambda: service.score(asked))

    @app.post("/v1/ads", tags=["items for users"], response_model=a.Ads)
    async def ads(asked: q.AdsAsked) -> Response:
        return await told(desk, lambda: service.ads(asked))

    @app.post("/v1/explain", tags=["items for users"], response_model=a.Explained)
    async def explain(asked: q.ExplainAsked) -> Response:
        return await told(desk, lambda: service.explain(asked))

    @app.post("/v1/profile", tags=["items for users"], response_model=a.Profile)
    async def profile(asked: q.ProfileAsked) -> Response:
        return await told(desk, lambda: service.profile(asked))

    @app.post("/v1/history", tags=["items for users"], response_model=a.History)
    async def history(asked: q.HistoryAsked) -> Response:
        return await told(desk, lambda: service.history(asked))


def _add_others(app: FastAPI, service: Service, desk: Desk) -> None:
    @app.post("/v1/similar", tags=["items"], response_model=a.SimilarFound)
    async def similar(asked: q.SimilarAsked) -> Response:
        return await told(desk, lambda: service.similar(asked))

    @app.post("/v1/search", tags=["items"], response_model=a.SearchFound)
    async def search(asked: q.SearchAsked) -> Response:
        return await told(desk, lambda: service.search(asked))

    @app.post("/v1/items", tags=["items"], response_model=a.Added)
    async def add_items(asked: q.ItemsAsked) -> Response:
        # Beside the answers, as events are: it waits for the disk, and for the encoder where items have texts.
        return await desk.lanes.store(lambda: say(_offered(desk, service, asked)))

    @app.post("/v1/analyse", tags=["texts"], response_model=a.Analysed)
    async def analyse(asked: q.AnalyseAsked) -> Response:
        return await told(desk, lambda: service.analyse(asked))

    @app.post("/v1/answer", tags=["texts"], response_model=a.Answered)
    async def answer(asked: q.AnswerAsked) -> Response:
        return await told(desk, lambda: service.answer(asked))

    @app.post("/v1/feedback", tags=["feedback"], response_model=a.Feedback)
    async def feedback(asked: q.FeedbackAsked) -> Response:
        # Beside the model's work: it waits for the disk, and those that wait together share one commit.
        return await desk.lanes.store(lambda: say(_kept(desk, service.feedback(asked))))
