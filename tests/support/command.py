"""Gives commands as a person does, without the start of a process for each: that takes three seconds before it begins."""

from __future__ import annotations

import io
import sys
import warnings
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch


class Said(NamedTuple):
    """What a command wrote."""

    stdout: str
    stderr: str


def plait(*arguments: str | Path, code: int = 0) -> Said:
    """Give a command, and hold it to its exit code and to telling of no fault of the program."""
    from plait.cli import main

    out, err = io.StringIO(), io.StringIO()
    ended: object = 0
    # Within `catch_warnings` they are said, as in a process of its own, and who says them is put back afterwards.
    with (
        warnings.catch_warnings(),
        patch.object(sys, "argv", ["plait", *map(str, arguments)]),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        warnings.resetwarnings()
        try:
            main()
        except SystemExit as end:
            ended = end.code or 0
    said = Said(out.getvalue(), err.getvalue())
    assert ended == code, said.stderr + said.stdout
    assert "Traceback" not in said.stderr
    return said
