"""What every contestant process speaks: a number of rows comes in, the seconds that training on them took go out.

Contestants run in environments of their own, so this file needs nothing but the standard library.
"""

import json
import os
import sys
from collections.abc import Callable

__all__ = ["take_turns"]


def take_turns(train: Callable[[int], float]) -> None:
    """Announce readiness, then train on as many rows as each line asks for.

    Args:
        train: trains on this many rows, data loading included, and returns the seconds it took.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in sys.stdin:
        rows = int(line)
        print(json.dumps({"rows": rows, "seconds": train(rows)}), file=answers, flush=True)
