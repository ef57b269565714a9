"""Run the bench on texts: `python -m bench.texts --write`, `python -m bench.texts clothing --rows 1000`.

Every part is trained and tested by all contestants on the same rows. What they predicted is kept in `cache/bench/texts`, so
that a contestant is trained again only where its settings changed; delete that folder to measure everything anew.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from bench import machine
from bench.processes import ROOT
from bench.texts.aspects import aspects
from bench.texts.blitzer import blitzer
from bench.texts.chinese import chinese
from bench.texts.chorus import chorus
from bench.texts.clothing import clothing, clothing_all
from bench.texts.page import write_page
from bench.texts.plan import CONTESTANTS, Plan

PARTS: dict[str, Callable[[Plan], dict[str, Any]]] = {
    "clothing": clothing,
    "clothing_all": clothing_all,
    "blitzer": blitzer,
    "chinese": chinese,
    "chorus": chorus,
    "aspects": aspects,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.texts", description="How good on texts, and at what cost.")
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="which parts; all where not said")
    parser.add_argument("--rows", type=int, help="rows to train on; as many as the part says where not said")
    parser.add_argument("--validate", action="store_true", help="test on rows to train on, held out, to choose settings")
    parser.add_argument("--only", action="append", choices=CONTESTANTS, help="this contestant; all where not said")
    parser.add_argument("--set", action="append", default=[], help="change a key of Plait's recipe")
    parser.add_argument("--data", type=Path, default=Plan().data, help="where the data sets lie that no package brings")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="keep the figures in bench/results and write docs/texts.md")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    plan = Plan(asked.rows, asked.validate, tuple(asked.only or CONTESTANTS), tuple(asked.set), asked.data)
    path = ROOT / "bench" / "results" / "texts.json"
    for part in asked.parts or PARTS:
        print(f"== {part}", flush=True)
        start = time.time()
        found = PARTS[part](plan) | {
            "command": "python -m bench.texts " + " ".join(_told(sys.argv[1:])),
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "machine": machine.describe(),
            "threads": asked.threads,
            "load": os.getloadavg()[0],
            "seconds": time.time() - start,
        }
        if asked.write:
            before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
            path.write_text(json.dumps(before | {part: found}, indent=1) + "\n", encoding="utf-8")
            write_page(before | {part: found}, ROOT / "docs" / "texts.md")


def _told(arguments: list[str]) -> list[str]:
    """Leave out where the data lie, which is this machine's affair."""
    if "--data" not in arguments:
        return arguments
    place = arguments.index("--data")
    return arguments[:place] + arguments[place + 2 :]


if __name__ == "__main__":
    main()
