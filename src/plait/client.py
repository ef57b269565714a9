"""A client of the service: each method takes one kind of question and gives back its answer, both with types.

>>> from plait.client import Client, RecommendAsked
>>> with Client("http://127.0.0.1:8000") as shop:  # doctest: +SKIP
...     for item in shop.recommend(RecommendAsked(user="15", count=5)).items:
...         print(item.title, item.score)
"""

from __future__ import annotations

import time
import uuid
from types import TracebackType
from typing import Final, TypeVar, final

import httpx
from pydantic import BaseModel

from plait.errors import ServiceError
from plait.serve.ask import answers as a
from plait.serve.ask.questions import (
    AdsAsked,
    AnalyseAsked,
    AnswerAsked,
    Bid,
    ExplainAsked,
    FeedbackAsked,
    HistoryAsked,
    ItemsAsked,
    ProfileAsked,
    Range,
    RankAsked,
    RecommendAsked,
    ScoreAsked,
    SearchAsked,
    SimilarAsked,
)

__all__ = [
    "AdsAsked",
    "AnalyseAsked",
    "AnswerAsked",
    "Bid",
    "Client",
    "ExplainAsked",
    "FeedbackAsked",
    "HistoryAsked",
    "ItemsAsked",
    "ProfileAsked",
    "Range",
    "RankAsked",
    "RecommendAsked",
    "ScoreAsked",
    "SearchAsked",
    "SimilarAsked",
]

_LATER: Final = (429, 503)
_LONGEST_WAIT: Final = 30.0

Answer = TypeVar("Answer", bound=BaseModel)


@final
class Client:
    """Ask a service.

    A busy service is asked again after the time it names. A question that was not heard is asked again too, but for new
    items, which would be there twice; feedback has a key, under which it is kept once however often it is sent.

    Args:
        url: where the service is, as in `http://127.0.0.1:8000`.
        key: the key to send, where one is needed.
        timeout: seconds to wait for one answer.
        retries: how often a question is asked again.
        transport: how requests travel, for tests and for networks of your own.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        timeout: float = 10.0,
        retries: int = 3,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=timeout, transport=transport)
        self._retries = retries

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def recommend(self, asked: RecommendAsked) -> a.Recommended:
        """Ask what to show a user."""
        return self._ask("recommend", asked, a.Recommended)

    def rank(self, asked: RankAsked) -> a.Ranked:
        """Ask in which order to show a user some items."""
        return self._ask("rank", asked, a.Ranked)

    def score(self, asked: ScoreAsked) -> a.Scored:
        """Ask what every task says."""
        return self._ask("score", asked, a.Scored)

    def similar(self, asked: SimilarAsked) -> a.SimilarFound:
        """Ask which items are like one."""
        return self._ask("similar", asked, a.SimilarFound)

    def search(self, asked: SearchAsked) -> a.SearchFound:
        """Ask which items fit some words."""
        return self._ask("search", asked, a.SearchFound)

    def ads(self, asked: AdsAsked) -> a.Ads:
        """Ask which advertisements to show a user."""
        return self._ask("ads", asked, a.Ads)

    def profile(self, asked: ProfileAsked) -> a.Profile:
        """Ask what is known of a user."""
        return self._ask("profile", asked, a.Profile)

    def history(self, asked: HistoryAsked) -> a.History:
        """What a user did, the newest first."""
        return self._ask("history", asked, a.History)

    def analyse(self, asked: AnalyseAsked) -> a.Analysed:
        """Ask what the text tasks say of texts."""
        return self._ask("analyse", asked, a.Analysed)

    def answer(self, asked: AnswerAsked) -> a.Answered:
        """Ask what answers a customer's question."""
        return self._ask("answer", asked, a.Answered)

    def explain(self, asked: ExplainAsked) -> a.Explained:
        """Ask why a user would be shown an item."""
        return self._ask("explain", asked, a.Explained)

    def feedback(self, asked: FeedbackAsked) -> a.Feedback:
        """Tell what a user did; it is on the service's disk when this returns."""
        named = asked if asked.key is not None else asked.model_copy(update={"key": uuid.uuid4().hex})
        return self._ask("feedback", named, a.Feedback)

    def add_items(self, asked: ItemsAsked) -> a.Added:
        """Add items."""
        return self._ask("items", asked, a.Added, again=False)

    def _ask(self, route: str, asked: BaseModel, kind: type[Answer], *, again: bool = True) -> Answer:
        """Send a question and read the answer.

        Raises:
            ServiceError: the service refused, stayed busy, or was not reached.
        """
        body = asked.model_dump_json(exclude_unset=True).encode()
        for left in range(self._retries, -1, -1):
            try:
                answer = self._http.post(f"/v1/{route}", content=body, headers={"Content-Type": "application/json"})
            except httpx.TransportError as error:
                if left and again:
                    time.sleep(0.1)
                    continue
                raise ServiceError(
                    f"The service at {self._http.base_url} should answer. Found {type(error).__name__}. Look if it runs."
                ) from error
            if answer.status_code in _LATER and left:
                time.sleep(_wait(answer))
                continue
            if answer.is_error:
                raise ServiceError(_reason(answer), answer.status_code)
            return kind.model_validate_json(answer.content)
        raise AssertionError("the last try returns or raises")


def _wait(answer: httpx.Response) -> float:
    """Read how many seconds a busy service wants to be left alone."""
    try:
        return min(max(float(answer.headers.get("retry-after", "1")), 0.0), _LONGEST_WAIT)
    except ValueError:
        return 1.0


def _reason(answer: httpx.Response) -> str:
    """Say why a question was refused, in the service's own words where it has some."""
    try:
        return str(answer.json()["error"])
    except (ValueError, KeyError, TypeError):
        return f"The service answered with status {answer.status_code}. Found no reason."
