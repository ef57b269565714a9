"""Passwords of databases: a recipe names a variable of the environment, so that no file of a run ever holds one."""

from __future__ import annotations

import os
import re
from typing import Final
from urllib.parse import quote, unquote

from plait.errors import RecipeError

__all__ = ["hidden", "refuse_password", "revealed"]

_VARIABLE: Final = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}")
_FILES: Final = ("sqlite:///", "duckdb:///")
# The last `@` ends it: a password that nobody quoted may hold any sign before that.
_WHO: Final = re.compile(r"//(?P<who>.*)@", re.DOTALL)
_OPTION: Final = re.compile(r"[?&;](?P<name>[^=&;?]*)=(?P<value>[^&;]*)")
# Where a key lies (`sslkey`, `passfile`, `private_key_path`) is no secret.
_SECRET: Final = re.compile(
    r"pass(?!file)|pwd|secret|token|credential|signature|^sig$|(?:private|api|access|account)_?key(?!_?(?:path|file))",
    re.IGNORECASE,
)


def refuse_password(name: str, source: str) -> None:
    """Make sure that a source holds no password, but at most names the variable that does.

    Args:
        name: of the table.
        source: a URL as the recipe has it; it is written into runs and bundles.

    Raises:
        RecipeError: it holds one, or may.
    """
    who = None if source.startswith(_FILES) else _WHO.search(source)
    user, colon, password = ("", "", "") if who is None else who["who"].partition(":")
    if re.search(r"[/?#@]", user) or (colon and not _VARIABLE.fullmatch(password)):
        where = "before its `@`"
    else:
        secret = next((o for o in _OPTION.finditer(source) if _SECRET.search(unquote(o["name"]))), None)
        if secret is None or _VARIABLE.fullmatch(secret["value"].partition("#")[0]):
            return
        where = f"in its option `{secret['name']}`"
    # No part of what was found is shown: nobody knows where a password that was not quoted ends.
    kind = source.partition("://")[0]
    variable = re.sub(r"[^A-Z0-9_]", "_", re.sub(r"^(?=\d)", "_", name.upper())) + "_PASSWORD"
    raise RecipeError(
        f"Table `{name}`: a source should hold no password, since runs and bundles keep it. Found one {where}. Name a "
        f"variable of the environment instead, `{kind}://USER:${{{variable}}}@HOST/DATABASE#TABLE`, and write any other "
        "`@` as `%40`."
    )


def revealed(name: str, url: str) -> str:
    """Return a URL with what its variables hold.

    Args:
        name: of the table.
        url: with `${VARIABLE}` in place of what is secret.

    Raises:
        RecipeError: a variable is not set.
    """

    def value(found: re.Match[str]) -> str:
        known = os.environ.get(found["name"])
        if known is None:
            raise RecipeError(
                f"Table `{name}`: the variable `{found['name']}` should hold the password of its database. Found no such "
                f"variable. Set it before the command: export {found['name']}=…"
            )
        return quote(known, safe="")

    return _VARIABLE.sub(value, url)


def hidden(text: str, url: str, whole: str) -> str:
    """Return a text in which neither the whole URL nor what its variables hold stands.

    Args:
        text: such as a driver's error.
        url: with variables.
        whole: with what they hold.
    """
    text = text.replace(whole, url)
    for found in _VARIABLE.finditer(url):
        known = os.environ.get(found["name"], "")
        for form in (known, quote(known, safe="")):
            text = text.replace(form, "***") if form else text
    return text
