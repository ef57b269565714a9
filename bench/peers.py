"""The environment of the libraries that Plait is compared with. It is theirs alone; nothing of it enters Plait's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch

__all__ = ["PEERS", "beside", "environment"]

PEERS = ("deepctr-torch==0.3.0", "torch-rechub==0.9.0")


def environment(cache: Path) -> Path:
    """Return the Python of the peers' environment, made at first use.

    torch goes in first and in the build that Plait itself uses, so that the comparison is between libraries.
    """
    folder = cache / "peers"
    python = folder / "bin" / "python"
    if (folder / ".installed").exists():
        return python
    print("Installing the libraries to compare with (once, about two minutes) ...", file=sys.stderr, flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    install: list[str | Path] = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    plain = torch.__version__.split("+")[0]
    subprocess.run([*install, f"torch=={plain}"], check=True)
    subprocess.run([*install, *PEERS, "requests", "pyarrow"], check=True)
    (folder / ".installed").touch()
    return python


def beside(cache: Path, requirement: str) -> Path:
    """Return a folder that holds one library and nothing it depends on: it runs with what Plait itself runs with."""
    folder = cache / requirement.replace("==", "-")
    if not folder.exists():
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*install, "--target", str(folder), requirement], check=True)
    return folder
