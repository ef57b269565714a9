"""The command line: each command reads its flags and calls one function. Data on stdout, messages on stderr.

Nothing heavy is imported here: `plait --help` answers before torch would have loaded.
"""

from __future__ import annotations

import errno
import os
import sys
import warnings
from pathlib import Path
from typing import TextIO

# Each file adds its commands, and `plait --help` lists them in this order.
# isort: off
from plait.cli import job  # noqa: F401
from plait.cli import look  # noqa: F401
from plait.cli import encoders  # noqa: F401
from plait.cli import exporting  # noqa: F401
from plait.cli import serving  # noqa: F401
from plait.cli import benches  # noqa: F401

# isort: on
from plait.cli.frame import app, say
from plait.errors import PlaitError

__all__ = ["app", "main"]


def _warn(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Tell what Plait warns of as a sentence; other libraries' warnings keep their place in the code."""
    if category is UserWarning and Path(filename).is_relative_to(Path(__file__).parent.parent):
        say(f"warning: {message}")
    else:
        (file or sys.stderr).write(warnings.formatwarning(message, category, filename, lineno, line))


def main() -> None:
    """Run the command line; turn every expected failure into one clear message and an exit code."""
    warnings.showwarning = _warn
    try:
        app()
    except PlaitError as error:
        say(f"error: {error}")
        sys.exit(error.exit_code)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EMFILE):
            raise
        what = error.filename or error.strerror
        say(
            f"error: {os.strerror(error.errno)} while writing or reading `{what}`. Nothing complete was lost; "
            "free what is missing and run the same command again (with --resume where it was training)."
        )
        sys.exit(1)
