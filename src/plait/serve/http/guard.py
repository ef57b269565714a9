"""Who may pass: keys and scopes, and pages of elsewhere that ask through somebody's browser."""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, final
from urllib.parse import urlsplit

from plait.errors import RecipeError
from plait.serve.http.keys import Keys, Scope

__all__ = ["LIVENESS", "Guard", "Refusal", "is_loopback"]

LIVENESS: Final = frozenset({"/v2/health/live"})
_WRITES: Final = frozenset({"/v1/feedback", "/v1/items"})
_ASKS: Final = ("/v1/", "/v2/", "/playground")
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why somebody may not pass.

    Attributes:
        status: HTTP status.
        why: one word for metrics.
        text: what is said.
    """

    status: int
    why: str
    text: str


@lru_cache(maxsize=256)
def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def needed(method: str, path: str) -> Scope:
    """Return the scope a request needs; whatever is not known to read needs more."""
    if path.startswith("/v1/admin"):
        return "admin"
    if path in _WRITES or (method not in _SAFE and not path.startswith(_ASKS)):
        return "write"
    return "read"


@final
class Guard:
    """Lets in who holds a key, or, without keys, who is on this machine.

    Args:
        keys: the keys; None where only this machine can reach the address.
        host: the address listened on.

    Raises:
        RecipeError: others could reach the address and there are no keys.
    """

    def __init__(self, keys: Keys | None, host: str) -> None:
        if keys is None and not is_loopback(host):
            raise RecipeError(
                "An address that others reach should have keys: whoever reaches it could read and change everything. "
                f"Found `--host {host}` without `--keys`. Make one with: plait key keys.txt NAME --scope read, and add "
                "--keys keys.txt; or listen on 127.0.0.1."
            )
        self._keys = keys

    def check(self, method: str, path: str, headers: Mapping[str, str]) -> tuple[str, Refusal | None]:
        """Decide about a request.

        Args:
            method: its method.
            path: its path, decoded.
            headers: its headers by lower-case name.

        Returns:
            the name of the key's holder, empty where none is known, and why it is refused, if it is.
        """
        if path in LIVENESS and method in _SAFE:
            return "", None
        elsewhere = self._elsewhere(method, headers)
        if elsewhere is not None:
            return "", elsewhere
        if self._keys is None:
            return "", None
        presented = _presented(headers)
        if presented is None:
            return "", Refusal(
                401, "key", "A key is needed: send it as `Authorization: Bearer KEY`, or as password in a browser."
            )
        key = self._keys.holder(presented)
        if key is None:
            return "", Refusal(401, "key", "This key is not known here.")
        scope = needed(method, path)
        if scope not in key.scopes:
            return key.name, Refusal(403, "scope", f"This key may not do this: it needs the scope `{scope}`.")
        return key.name, None

    def _elsewhere(self, method: str, headers: Mapping[str, str]) -> Refusal | None:
        """Refuse what a page of another site makes a browser send: it would come with the browser's rights."""
        host = headers.get("host", "")
        if self._keys is None and not is_loopback(_name(host)):
            text = "Without keys only names of this machine are answered, such as localhost. Start the service with --keys."
            return Refusal(403, "host", text)
        origin = headers.get("origin")
        if method not in _SAFE and origin is not None and urlsplit(origin).netloc != host:
            return Refusal(
                403, "origin", "Changes are taken from the pages of this address only, not from those of another."
            )
        return None


def _name(host: str) -> str:
    """Take the port off a host."""
    return host.rpartition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]


def _presented(headers: Mapping[str, str]) -> str | None:
    plain = headers.get("x-api-key")
    if plain is not None:
        return plain
    kind, _, rest = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and rest:
        return rest.strip()
    if kind.lower() == "basic":
        try:
            return base64.b64decode(rest, validate=True).decode("utf-8", "replace").partition(":")[2] or None
        except (binascii.Error, ValueError):
            return None
    return None
