"""Keys: who may ask, who may write, who may change what answers. Only their hashes are kept."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

from plait.errors import RecipeError

__all__ = ["SCOPES", "Key", "Keys", "Scope", "new_key"]

Scope = Literal["read", "write", "admin"]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)

_HEAD: Final = "# Keys of `plait serve --keys`: name, scopes, SHA-256 of the key. A line taken away is a key taken away.\n"
_LINE: Final = re.compile(r"(?P<name>[\w.-]{1,60})\s+(?P<scopes>[a-z,]+)\s+sha256:(?P<digest>[0-9a-f]{64})")
_LOOK_AGAIN: Final = 1.0


@dataclass(frozen=True, slots=True)
class Key:
    """One key, as it is kept.

    Attributes:
        name: what operators call its holder; it is written into logs.
        scopes: `read` asks, `write` sends feedback and items, `admin` changes what answers.
        digest: SHA-256 of the key. A key is 256 random bits, so nothing slower is needed: there is nothing to guess.
    """

    name: str
    scopes: frozenset[Scope]
    digest: bytes


class Keys:
    """The keys of a file, read again when the file changes.

    Args:
        file: one key a line: its name, its scopes separated by commas, `sha256:` and its hash.

    Raises:
        RecipeError: there is no such file, it holds no key, or a line is none.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stamp = self._stamped()
        self._looked = time.monotonic()
        self._keys = _read(file)

    def __len__(self) -> int:
        return len(self._keys)

    def holder(self, presented: str) -> Key | None:
        """Return whose key this is; every key is compared, each in constant time."""
        self._look_again()
        digest = hashlib.sha256(presented.encode("utf-8", "replace")).digest()
        found: Key | None = None
        for key in self._keys:
            if hmac.compare_digest(digest, key.digest):
                found = key
        return found

    def _look_again(self) -> None:
        now = time.monotonic()
        if now - self._looked < _LOOK_AGAIN:
            return
        self._looked = now
        stamp = self._stamped()
        if stamp == self._stamp or stamp is None:
            return
        try:
            self._keys = _read(self._file)
        except RecipeError:
            # Half written, or broken by hand: those that were good go on until it can be read.
            return
        self._stamp = stamp

    def _stamped(self) -> tuple[int, int, int] | None:
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


def new_key(file: Path, name: str, scopes: list[str]) -> str:
    """Make a key, add its hash to a file and return the key, which is kept nowhere.

    Args:
        file: made where there is none, for its owner alone.
        name: what its holder is called.
        scopes: what it may do.

    Raises:
        RecipeError: the name is taken or no word, or a scope is none.
    """
    wrong = [scope for scope in scopes if scope not in SCOPES]
    if wrong or not scopes:
        raise RecipeError(f"The scopes of a key should be among {', '.join(SCOPES)}. Found: {', '.join(wrong) or 'none'}.")
    if not re.fullmatch(r"[\w.-]{1,60}", name):
        raise RecipeError(f"The name of a key should be letters, digits, `.`, `_` and `-`, at most 60. Found `{name[:80]}`.")
    before = _read(file) if file.exists() and file.stat().st_size else ()
    if any(key.name == name for key in before):
        raise RecipeError(
            f"Each key of {file} should have a name of its own. Found `{name}` already; take its line out first."
        )
    secret = f"plait_{secrets.token_urlsafe(32)}"
    digest = hashlib.sha256(secret.encode()).hexdigest()
    handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(handle, "a", encoding="utf-8") as lines:
        lines.write(("" if before else _HEAD) + f"{name} {','.join(sorted(set(scopes)))} sha256:{digest}\n")
    return secret


def _read(file: Path) -> tuple[Key, ...]:
    make = f"Make one with: plait key {file} NAME --scope read"
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(
            f"`--keys` should name a file of keys. Found: {type(error).__name__} for {file}. {make}"
        ) from error
    keys: list[Key] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _LINE.fullmatch(line.strip())
        scopes = [] if found is None else found["scopes"].split(",")
        if found is None or not set(scopes) <= set(SCOPES):
            # The line may hold a key by mistake and is not shown.
            raise RecipeError(
                f"Line {number} of {file} should be a name, scopes among {','.join(SCOPES)}, and `sha256:` with 64 digits. "
                f"{make}"
            )
        keys.append(Key(found["name"], frozenset(s for s in SCOPES if s in scopes), bytes.fromhex(found["digest"])))
    if not keys:
        raise RecipeError(f"`--keys` should name a file with at least one key. Found none in {file}. {make}")
    if len({key.name for key in keys}) < len(keys):
        raise RecipeError(f"Each key of {file} should have a name of its own. Found one twice.")
    return tuple(keys)
