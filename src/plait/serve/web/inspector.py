"""The inspector: what a user did, what they are shown, why, and what they would be shown if something were otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final, final

from fastapi import Depends, FastAPI, Query, Request
from fastapi.responses import Response

from plait.errors import PlaitError
from plait.serve.ask.answers import Explained, Recommended
from plait.serve.ask.questions import ExplainAsked, HistoryAsked, RecommendAsked
from plait.serve.http.questions import Count, Name, unknown
from plait.serve.web.renderer import asking, page_of
from plait.serve.web.shown import cards_of
from plait.serve.web.views import Views
from plait.serve.wire import Card, UserPage

__all__ = ["add_inspector"]

_SHOWN: Final = 18
_LONGEST: Final = 500

User = Annotated[str, Query(min_length=1, max_length=500)]


@final
@dataclass(frozen=True, slots=True)
class Line:
    """One item of the list.

    Attributes:
        card: the item with its score and what every task says.
        place: from 1.
        moved: how many places it rose against the list as it is; None where it was not in it.
    """

    card: Card
    place: int
    moved: int | None


@final
@dataclass(frozen=True, slots=True)
class Listed:
    """What a user is shown, as things are or as they would be.

    Attributes:
        answer: the service's answer.
        lines: its items.
        otherwise: whether something was taken to be otherwise.
        gone: items of the list as it is that are in it no longer.
        fault: why it could not be asked so, if it could not.
    """

    answer: Recommended
    lines: list[Line]
    otherwise: bool = False
    gone: tuple[Card, ...] = ()
    fault: str = ""


@final
@dataclass(frozen=True, slots=True)
class Otherwise:
    """What is taken to be otherwise, as the address of a page says it.

    Attributes:
        without: items of the history that the user is taken not to have had.
        formula: another way to put items in order; empty for the one in place.
        diversity: how much items that are alike fall.
    """

    without: tuple[str, ...] = ()
    formula: str = ""
    diversity: float = 0.0

    def __bool__(self) -> bool:
        """Say whether anything is."""
        return bool(self.without or self.formula or self.diversity)

    @property
    def query(self) -> dict[str, str | float | tuple[str, ...]]:
        """The same as a part of an address."""
        return {"without": self.without, "formula": self.formula, "diversity": self.diversity or ""}

    @property
    def asked(self) -> dict[str, Any]:
        """The same as a part of a question to the service."""
        return {"without": list(self.without), "formula": self.formula or None, "diversity": self.diversity}


def _otherwise(
    without: Annotated[list[str], Query(max_length=1_000)] = [],  # noqa: B006  FastAPI reads it and nobody changes it
    formula: Annotated[str, Query(max_length=1_000)] = "",
    diversity: Annotated[float, Query(ge=0, le=1)] = 0.0,
) -> Otherwise:
    return Otherwise(tuple(name for name in without if name), formula.strip(), diversity)


If = Annotated[Otherwise, Depends(_otherwise)]


def add_inspector(app: FastAPI, views: Views) -> None:
    """Add the page of a user, and the parts of it that are fetched anew."""
    browse, service, shape = views.browse, views.service, views.browse.shape

    @app.get("/users/{name:path}", include_in_schema=False)
    async def user(request: Request, name: str, otherwise: If, item: Name = "", count: Count = _SHOWN) -> Response:
        def work() -> Response:
            if not shape.pairings or shape.users is None or not name or len(name) > _LONGEST:
                raise unknown(browse, shape.users, name)
            history = service.history(HistoryAsked(user=name, count=count))
            found = browse.user(name)
            if found is None and history.known:
                # Only what they did since training is known of them.
                found = UserPage(user=Card(table=shape.users, id=name, title=name), shelves=[])
            if found is None:
                raise unknown(browse, shape.users, name)
            shown = _shown(views, name, otherwise, count, item)
            had = browse.cards(shape.items or "", [one.item for one in history.items])
            return views.page(request, "user.html", page=found, history=history, had=had, formula=service.formula, **shown)

        return await views.asked(work)

    @app.get("/inspect/why", include_in_schema=False)
    async def why(request: Request, user: User, item: User, otherwise: If) -> Response:
        def work() -> Response:
            return views.page(request, "user_why.html", why=_why(views, user, item, otherwise), user=user)

        return await views.asked(work)

    @app.get("/inspect/list", include_in_schema=False)
    async def listed(request: Request, user: User, otherwise: If, count: Count = _SHOWN) -> Response:
        def work() -> Response:
            answer = views.page(request, "user_shown.html", **_shown(views, user, otherwise, count, ""))
            # The address says what is shown, so that it can be loaded again, and sent to somebody.
            answer.headers["HX-Replace-Url"] = asking(page_of(user), **otherwise.query)
            return answer

        return await views.asked(work)


def _shown(views: Views, user: str, otherwise: Otherwise, count: int, item: str) -> dict[str, object]:
    """Return what the parts of the page show: the list, and why one of its items is there."""
    listed = _listed(views, user, otherwise, count)
    if listed.fault:
        otherwise = Otherwise()
    picked = item or (listed.lines[0].card.id if listed.lines else "")
    why = _why(views, user, picked, otherwise) if picked else None
    place = page_of(user)
    return {
        "user": user,
        "place": place,
        "listed": listed,
        "otherwise": otherwise,
        "picked": picked,
        "why": why,
        "count": count,
    }


def _listed(views: Views, user: str, otherwise: Otherwise, count: int) -> Listed:
    """Return what a user is shown; where something is otherwise, with how it differs from the list as it is."""
    now = views.service.recommend(RecommendAsked(user=user, count=count))
    if not otherwise:
        return Listed(now, _lines(views, now, None))
    before = {one.item: place for place, one in enumerate(now.items, 1)}
    asked = RecommendAsked(user=user, count=count, **otherwise.asked)
    try:
        then = views.service.recommend(asked)
    except PlaitError as error:
        return Listed(now, _lines(views, now, None), fault=str(error))
    kept = {one.item for one in then.items}
    gone = cards_of(views.browse, [one for one in now.items if one.item not in kept])
    return Listed(then, _lines(views, then, before), True, tuple(gone))


def _lines(views: Views, answer: Recommended, before: dict[str, int] | None) -> list[Line]:
    lines = []
    for place, card in enumerate(cards_of(views.browse, answer.items), 1):
        was = place if before is None else before.get(card.id)
        lines.append(Line(card, place, None if was is None else was - place))
    return lines


def _why(views: Views, user: str, item: str, otherwise: Otherwise) -> Explained:
    return views.service.explain(ExplainAsked(user=user, item=item, **otherwise.asked))
