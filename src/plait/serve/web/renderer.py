"""What the pages show as HTML: templates, and how numbers and links are written."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from math import isfinite
from typing import Final, final
from urllib.parse import quote, urlencode
from zlib import crc32

import jinja2

from plait.export.shape import Shape
from plait.serve.catalogue import singular
from plait.serve.web.counted import counted
from plait.serve.web.look import LANGUAGES, Language, Look
from plait.serve.web.static import asset
from plait.serve.web.words import FOLDER, translated
from plait.serve.wire import Card, Fact, Prediction

__all__ = ["Renderer", "asking", "number", "page_of", "percent", "said"]

_LIKELY: Final = 0.3
_HUGE: Final = 1e15


def percent(value: float) -> str:
    """Write a probability; never 0 % or 100 %, which would be certainties."""
    if value < 0.01:
        return "< 1 %"
    return "> 99 %" if value > 0.99 else f"{100 * value:.0f} %"


def number(value: float) -> str:
    """Write a quantity with about three digits that matter."""
    size = abs(value)
    if not size < _HUGE:
        return f"{value:.3g}" if isfinite(value) else "–"
    if size >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 10 else f"{value:.2f}"


def said(prediction: Prediction) -> str:
    """Write a prediction in a few words."""
    if prediction.best is not None and prediction.kind == "multiclass":
        return f"{prediction.best} {percent(prediction.chances[0].probability)}"
    if prediction.kind == "multilabel":
        likely = [chance for chance in prediction.chances if chance.probability >= _LIKELY] or prediction.chances[:1]
        return ", ".join(f"{chance.name} {percent(chance.probability)}" for chance in likely)
    if prediction.kind == "tagging":
        return ", ".join(f"{chance.name} {percent(chance.probability)}" for chance in prediction.chances) or "none"
    if prediction.value is None:
        return prediction.best or "not defined"
    return percent(prediction.value) if prediction.kind == "binary" else number(prediction.value)


def _gain(value: float) -> str:
    """Write a relative change with its sign."""
    return "±0.0 %" if abs(value) < 5e-4 else f"{'+' if value >= 0 else '−'}{abs(100 * value):.1f} %"


def _share(value: float) -> str:
    """Write a share of rows, where none and all are what they say."""
    return f"{100 * value:.0f} %" if value in (0, 1) else percent(value)


@final
class Renderer:
    """Draws the pages of one run.

    Args:
        shape: who is recommended what; it decides where links lead.
        recipe: the recipe's name, for the head of every page.
    """

    def __init__(self, shape: Shape, recipe: str) -> None:
        self._shape = shape
        self._recipe = recipe
        # Templates are compiled with the words of one language, so there is an environment for each.
        self._environments = {language: self._environment(language) for language in LANGUAGES}

    def page(self, template: str, look: Look | None = None, **values: object) -> str:
        """Draw a template of `pages/`.

        Args:
            template: its file.
            look: how whoever asks wishes to see it.
            values: what it shows.
        """
        look = look or Look()
        return self._environments[look.language].get_template(template).render(look=look, **values)

    def _environment(self, language: Language) -> jinja2.Environment:
        made = jinja2.Environment(
            loader=jinja2.FileSystemLoader(FOLDER),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        say = partial(translated, language)
        made.install_gettext_callables(  # type: ignore[attr-defined]  # the extension adds it
            say, lambda one, many, count: say(one if count == 1 else many), newstyle=True
        )
        named, heard = _named(say), counted(say)
        made.filters |= {
            "percent": percent,
            "named": lambda word: named.get(word, word),
            "counted": lambda word: heard.get(word, word),
            "gain": _gain,
            "share": _share,
            "day": lambda seconds: datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M"),
            "number": number,
            "said": said,
            "link": self.link,
            "picture": lambda card: f"/pictures/{quote(card.table, safe='')}/{quote(card.id, safe='')}",
            "hue": _hue,
            "own_hue": _own_hue,
            "face": _face,
            "over": _over,
            "brief": _brief,
            "one": singular,
            "words": lambda name: str(name).replace("_", " "),
            "count": lambda value: f"{value:,}",
            "path": lambda name: quote(str(name), safe=""),
        }
        shape = self._shape
        pictured = [shape.items, *(pairing.items for pairing in shape.pairings)]
        made.globals |= {
            "shape": shape,
            "recipe": self._recipe,
            "address": _address,
            "asking": asking,
            "asset": asset,
            "pictured": pictured,
            "say": say,
        }
        return made

    def link(self, card: Card) -> str:
        """Return where a card leads."""
        name = quote(card.id, safe="")
        if card.table == self._shape.users:
            return page_of(card.id)
        return f"/items/{name}" if card.table == self._shape.items else f"/rows/{quote(card.table, safe='')}/{name}"


def page_of(user: str) -> str:
    """Return the path of a user's page."""
    return f"/users/{quote(user, safe='')}"


def asking(path: str, **query: object) -> str:
    """Return a path, as it is, with those parts of a query that are not empty; of several values each."""
    kept = {name: value for name, value in query.items() if value not in ("", None, ())}
    return f"{path}?{urlencode(kept, doseq=True)}" if kept else path


def _named(say: Callable[[str], str]) -> dict[str, str]:
    """Return the words of kinds of tasks and columns, and of labels that are yes or no."""
    return {
        "binary": say("binary"),
        "regression": say("regression"),
        "multiclass": say("multiclass"),
        "multilabel": say("multilabel"),
        "ordinal": say("ordinal"),
        "ranking": say("ranking"),
        "retrieval": say("retrieval"),
        "tagging": say("tagging"),
        "relatedness": say("relatedness"),
        "masked": say("masked"),
        "amount": say("amount"),
        "number": say("number"),
        "category": say("category"),
        "text": say("text"),
        "image": say("image"),
        "history": say("history"),
        "embedding": say("embedding"),
        "yes": say("yes"),
        "no": say("no"),
    }


def _address(path: str, **query: object) -> str:
    """Return a path in which nothing is written as an address needs it yet, with a query."""
    return asking(quote(path), **query)


def _hue(card: Card) -> int:
    """Choose a colour: rows with the same first word above their title look alike, with a small turn each."""
    return (crc32(_over(card).encode()) * 47 + crc32(card.id.encode()) % 24) % 360


def _own_hue(card: Card) -> int:
    """Choose a colour for a person."""
    return crc32(card.id.encode()) % 360


def _face(name: str) -> str:
    """Return what of a name stands in a small circle: signs of a Chinese name are as wide as two letters."""
    return name[:4] if name[:4].isascii() else name[:2]


def _over(card: Card) -> str:
    """Return the word that stands above a title: what kind of thing it is."""
    many = next((fact.many[0] for fact in card.facts if fact.many), None)
    return many or next((fact.value for fact in _telling(card) if not fact.value[:1].isdigit()), "")


def _telling(card: Card) -> list[Fact]:
    """Return the facts that the title does not already say."""
    return [fact for fact in card.facts if _bare(fact) or fact.value.lower() not in card.title.lower()]


def _brief(card: Card, most: int = 3, over: bool = False) -> str:
    """Write a few facts in a line; a short number needs its name. `over` adds the word that stands over titles."""
    facts = [fact for fact in _telling(card) if over or fact.many or fact.value != _over(card)]
    many = [
        ", ".join(fact.many[:3]) if fact.many else f"{fact.name} {fact.value}" if _bare(fact) else fact.value
        for fact in facts
    ]
    return " · ".join(many[:most])


def _bare(fact: Fact) -> bool:
    """Whether a value says nothing without its name: a number that is no year, or a letter."""
    digits = fact.value.replace(".", "").replace("-", "")
    return len(fact.value) < 3 or (digits.isdecimal() and not (len(fact.value) == 4 and 1800 <= int(digits) <= 2100))
