"""What all pages of a report have in common: templates, and names of tasks set in bold."""

from __future__ import annotations

import re

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

__all__ = ["environment"]


def environment() -> Environment:
    """Return where templates come from; everything put into them is escaped."""
    found = Environment(
        loader=PackageLoader("plait.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["ticked"] = _ticked
    return found


def _ticked(text: str) -> Markup:
    """Set what stands between backticks in bold, and keep a number and its percent sign on one line."""
    escaped = str(escape(text)).replace(" %", "\u00a0%")
    return Markup(re.sub(r"`([^`]*)`", r"<b>\1</b>", escaped))
