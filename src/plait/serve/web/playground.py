"""The playground: search, analyse a text, answer a question; each with the request that asks the same."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import Annotated, final

from fastapi import FastAPI, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ValidationError

from plait.errors import PlaitError
from plait.serve.ask.answers import Analysed, Answered, SearchFound
from plait.serve.ask.questions import AnalyseAsked, AnswerAsked, SearchAsked
from plait.serve.web.shown import cards_of
from plait.serve.web.views import Views
from plait.serve.wire import Card

__all__ = ["add_playground"]

Typed = Annotated[str, Query(max_length=20_000)]


@final
@dataclass(frozen=True, slots=True)
class Tried:
    """One thing that was asked.

    Attributes:
        typed: what was typed.
        answer: what the service said; None where nothing was asked or it could not answer.
        cards: the items of the answer.
        curl: the same question from a terminal.
        fault: why there is no answer.
    """

    typed: str = ""
    answer: SearchFound | Analysed | Answered | None = None
    cards: tuple[Card, ...] = ()
    curl: str = ""
    fault: str = ""


def add_playground(app: FastAPI, views: Views) -> None:
    """Add the playground; without scripts each form leads to the whole page with its answer."""
    able = views.service.abilities

    @app.get("/playground", include_in_schema=False)
    async def playground(request: Request, search: Typed = "", analyse: Typed = "", answer: Typed = "") -> Response:
        def work() -> Response:
            base = f"{request.url.scheme}://{request.url.netloc}"
            tried = {
                "search": _search(views, search, base),
                "analyse": _analyse(views, analyse, base),
                "answer": _answer(views, answer, base),
            }
            asked = next((name for name in ("search", "analyse", "answer") if name in request.query_params), "search")
            if "hx-request" in request.headers:
                return views.page(request, "playground_part.html", name=asked, tried=tried[asked])
            return views.page(request, "playground.html", tried=tried, able=able, example=_example(views))

        return await views.asked(work)


def _search(views: Views, words: str, base: str) -> Tried:
    if not words.strip():
        return Tried(words)
    try:
        asked = SearchAsked(query=words, count=12)
        found = views.service.search(asked)
    except (PlaitError, ValidationError) as error:
        return Tried(words, fault=_said(error))
    return Tried(words, found, tuple(cards_of(views.browse, found.items)), _curl(base, "search", asked))


def _analyse(views: Views, text: str, base: str) -> Tried:
    if not text.strip():
        return Tried(text)
    try:
        asked = AnalyseAsked(texts=[text])
        return Tried(text, views.service.analyse(asked), (), _curl(base, "analyse", asked))
    except (PlaitError, ValidationError) as error:
        return Tried(text, fault=_said(error))


def _answer(views: Views, question: str, base: str) -> Tried:
    if not question.strip():
        return Tried(question)
    try:
        asked = AnswerAsked(question=question)
        return Tried(question, views.service.answer(asked), (), _curl(base, "answer", asked))
    except (PlaitError, ValidationError) as error:
        return Tried(question, fault=_said(error))


def _said(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(problem["msg"] for problem in error.errors())
    return str(error)


def _curl(base: str, route: str, asked: BaseModel) -> str:
    body = shlex.quote(json.dumps(asked.model_dump(exclude_defaults=True), ensure_ascii=False))
    return f"curl -H 'Content-Type: application/json' -d {body} {shlex.quote(f'{base}/v1/{route}')}"


def _example(views: Views) -> str:
    """Return words that a search finds something for: the start of a title."""
    popular = views.browse.home().popular
    return " ".join(popular[0].title.split()[:3]) if popular else ""
