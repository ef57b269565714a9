"""The service's answers as HTML: templates, and how numbers and links are written."""

from __future__ import annotations

from pathlib import Path
from typing import Final, final
from urllib.parse import quote, urlencode
from zlib import crc32

import jinja2

from plait.serve.catalogue import singular
from plait.serve.shape import Shape
from plait.serve.wire import Card, Prediction

__all__ = ["Renderer", "number", "percent", "said"]

_PAGES: Final = Path(__file__).parent / "pages"
_LIKELY: Final = 0.3


def percent(value: float) -> str:
    """Write a probability; never 0 % or 100 %, which would be certainties."""
    if value < 0.01:
        return "< 1 %"
    return "> 99 %" if value > 0.99 else f"{100 * value:.0f} %"


def number(value: float) -> str:
    """Write a quantity with about three digits that matter."""
    size = abs(value)
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
    if prediction.value is None:
        return prediction.best or "not defined"
    return percent(prediction.value) if prediction.kind == "binary" else number(prediction.value)


@final
class Renderer:
    """Draws the pages of one run.

    Args:
        shape: who is recommended what; it decides where links lead.
        recipe: the recipe's name, for the head of every page.
    """

    def __init__(self, shape: Shape, recipe: str) -> None:
        self._shape = shape
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_PAGES),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {
            "percent": percent,
            "number": number,
            "said": said,
            "link": self.link,
            "hue": _hue,
            "one": singular,
            "words": lambda name: str(name).replace("_", " "),
            "count": lambda value: f"{value:,}",
        }
        self._environment.globals |= {"shape": shape, "recipe": recipe, "address": _address}

    def page(self, template: str, **values: object) -> str:
        """Draw a template of `pages/`."""
        return self._environment.get_template(template).render(values)

    def link(self, card: Card) -> str:
        """Return where a card leads."""
        name = quote(card.id, safe="")
        if card.table == self._shape.users:
            return f"/users/{name}"
        return f"/items/{name}" if card.table == self._shape.items else f"/rows/{quote(card.table, safe='')}/{name}"


def _address(path: str, **query: str | int) -> str:
    """Return a path with those parts of a query that are not empty."""
    kept = {name: value for name, value in query.items() if value not in ("", None)}
    return f"{quote(path)}?{urlencode(kept)}" if kept else quote(path)


def _hue(card: Card) -> int:
    """Choose a colour: rows whose first many-valued or first short fact is the same look alike, with a small turn each."""
    many = next((fact.many[0] for fact in card.facts if fact.many), None)
    family = many or next((fact.value for fact in card.facts if not fact.value[:1].isdigit()), card.table)
    return (crc32(family.encode()) * 47 + crc32(card.id.encode()) % 24) % 360
