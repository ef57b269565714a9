"""The playground: search, analyse a text, answer a question; each with the request that asks the same."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, final
from urllib.parse import parse_qsl

from fastapi import FastAPI, Request
from fastapi.responses import Response
from pydantic import BaseModel, ValidationError

from plait.errors import PlaitError
from plait.serve.ask.answers import Analysed, Answered, SearchFound
from plait.serve.ask.questions import AnalyseAsked, AnswerAsked, SearchAsked
from plait.serve.web.shown import cards_of
from plait.serve.web.views import Views
from plait.serve.wire import Card

__all__ = ["add_playground"]

_FIELDS: Final = 10


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
    ways = {"search": _search, "analyse": _analyse, "answer": _answer}

    def drawn(request: Request, typed: Mapping[str, str]) -> Response:
        base = f"{request.url.scheme}://{request.url.netloc}"
        if "hx-request" in request.headers:
            asked = next((name for name in ways if name in typed), "search")
            part = ways[asked](views, typed.get(asked, ""), base)
            return views.page(request, "playground_part.html", name=asked, tried=part)
        tried = {name: way(views, typed.get(name, ""), base) for name, way in ways.items()}
        able = views.service.abilities
        return views.page(request, "playground.html", tried=tried, able=able, example=_example(views))

    @app.get("/playground", include_in_schema=False)
    async def playground(request: Request) -> Response:
        return await views.asked(lambda: drawn(request, request.query_params))

    @app.post("/playground", include_in_schema=False)
    async def asked(request: Request) -> Response:
        # A text is longer than an address may be.
        body = (await request.body()).decode("utf-8", "replace")
        typed = dict(parse_qsl(body, keep_blank_values=True)[:_FIELDS])
        return await views.asked(lambda: drawn(request, typed))


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
