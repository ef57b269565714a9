"""How a command ends that leaves a run: what to see, and where to go next."""

from __future__ import annotations

from pathlib import Path

from plait.cli.frame import give, say

__all__ = ["finish", "open_page"]


def finish(folder: Path, as_json: bool) -> None:
    """Print a finished run: the comparison, and where to look next."""
    from plait.run.evaluate import evaluate as run_evaluate

    lines, data = run_evaluate(folder, None, None)
    give(lines, data, as_json)
    say(f"\nReport: {folder / 'report.html'}")
    say(f"Next:   plait serve {folder}\n        plait predict {folder} --table FILE --out scores.parquet")


def open_page(folder: Path, host: str, port: int) -> None:
    """Answer until Ctrl-C."""
    from plait.serve.http.server import run_server

    run_server(folder, host, port)
