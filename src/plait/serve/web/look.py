"""How somebody wishes to see the pages: language and colours, kept in cookies of their browser and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, final, get_args

from fastapi import FastAPI
from fastapi.responses import RedirectResponse
from starlette.requests import Request

__all__ = ["LANGUAGES", "Language", "Look", "Theme", "add_look", "look_of"]

Language = Literal["en", "zh"]
Theme = Literal["system", "light", "dark"]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
_THEMES: Final[tuple[Theme, ...]] = get_args(Theme)
_YEAR: Final = 365 * 24 * 3600


@final
@dataclass(frozen=True, slots=True)
class Look:
    """How a page is drawn.

    Attributes:
        language: of the words; names of tables and tasks stay as they are.
        theme: light, dark, or as the system has it.
        here: path and question of the page, to come back to.
        part: whether only a part of a page was asked for, to be put into one that is there.
    """

    language: Language = "en"
    theme: Theme = "system"
    here: str = "/"
    part: bool = False


def look_of(request: Request) -> Look:
    """Return how the browser that asks wishes to see pages; the language of its settings where none was chosen."""
    chosen = request.cookies.get("plait_language", "")
    language = next((name for name in LANGUAGES if name == chosen), None) or _preferred(request)
    theme: Theme = next((name for name in _THEMES if name == request.cookies.get("plait_theme", "")), "system")
    # As it was asked: decoded, a `%` of an id would be read as the mark of another letter.
    path = request.scope.get("raw_path") or request.url.path.encode()
    query = request.url.query
    here = path.decode("latin-1").partition("?")[0] + (f"?{query}" if query else "")
    return Look(language, theme, here, "hx-request" in request.headers)


def add_look(app: FastAPI) -> None:
    """Add the route that keeps a choice and leads back."""

    @app.get("/look", include_in_schema=False)
    def look(back: str = "/", language: Language | None = None, theme: Theme | None = None) -> RedirectResponse:
        # Only to a page of this address: `//host` and `/\host` lead elsewhere.
        inside = back.startswith("/") and back[1:2] not in ("/", "\\") and back.isprintable()
        answer = RedirectResponse(back if inside else "/", 303)
        for name, value in (("plait_language", language), ("plait_theme", theme)):
            if value is not None:
                answer.set_cookie(name, value, max_age=_YEAR, httponly=True, samesite="lax")
        return answer


def _preferred(request: Request) -> Language:
    """Return the first language of `Accept-Language` that the pages are written in."""
    wishes = []
    for place, part in enumerate(request.headers.get("accept-language", "").split(",")[:20]):
        name, _, quality = part.strip().partition(";q=")
        try:
            wishes.append((-float(quality or 1), place, name.strip().lower()))
        except ValueError:
            continue
    for _, _, name in sorted(wishes):
        for language in LANGUAGES:
            if name.partition("-")[0] == language:
                return language
    return "en"
