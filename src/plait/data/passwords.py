"""Passwords of databases: a recipe names a variable of the environment, so that no file of a run ever holds one."""

from __future__ import annotations

import os
import re
from typing import Final
from urllib.parse import quote, unquote

from plait.errors import RecipeError

__all__ = ["hidden", "refuse_password", "revealed"]

_PASSWORD: Final = re.compile(r"(?<=//)(?P<user>[^:/@]*):(?P<password>[^@/]*)@")
_OPTION: Final = re.compile(r"[?&](?:password|passwd|pwd)=", re.IGNORECASE)
_VARIABLE: Final = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}")


def refuse_password(name: str, source: str) -> None:
    """Make sure that a source holds no password, but at most names the variable that does.

    Args:
        name: of the table.
        source: as the recipe has it; it is written into runs and bundles.

    Raises:
        RecipeError: it holds one.
    """
    found = _PASSWORD.search(source)
    if _OPTION.search(source):
        raise RecipeError(
            f"Table `{name}`: a source should hold no password, since runs and bundles keep it. Found one among its "
            f"options. Write `user:${{{name.upper()}_PASSWORD}}@host`, and set that variable of the environment."
        )
    if found is not None and not _VARIABLE.fullmatch(found["password"]):
        shown = _PASSWORD.sub(rf"{found['user']}:${{{name.upper()}_PASSWORD}}@", source)
        raise RecipeError(
            f"Table `{name}`: a source should hold no password, since runs and bundles keep it. Found one. Name a variable "
            f"of the environment instead: `{shown}`."
        )


def revealed(name: str, url: str) -> str:
    """Return a URL with the password that its variable holds.

    Args:
        name: of the table.
        url: with `${VARIABLE}` in place of the password, or without any.

    Raises:
        RecipeError: the variable is not set.
    """
    found = _PASSWORD.search(url)
    variable = None if found is None else _VARIABLE.fullmatch(found["password"])
    if found is None or variable is None:
        return url
    password = os.environ.get(variable["name"])
    if password is None:
        raise RecipeError(
            f"Table `{name}`: the variable `{variable['name']}` should hold the password of its database. Found no such "
            f"variable. Set it before the command: export {variable['name']}=…"
        )
    return url[: found.start("password")] + quote(password, safe="") + url[found.end("password") :]


def hidden(text: str, url: str, whole: str) -> str:
    """Return a text in which neither the whole URL nor its password stands.

    Args:
        text: such as a driver's error.
        url: with the variable.
        whole: with the password.
    """
    if whole == url:
        return text
    found = _PASSWORD.search(whole)
    text = text.replace(whole, url)
    for password in () if found is None else (found["password"], unquote(found["password"])):
        text = text.replace(password, "***") if password else text
    return text
