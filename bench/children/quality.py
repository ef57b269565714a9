"""From a raw Parquet file in a fresh process to a trained model: when it was validated, how good it is on the test part."""

import argparse
import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory

STARTED = time.time()


class Clock:
    """Remembers when training was over: validated, the best epoch restored."""

    at = 0.0

    def started(self, record: object) -> None:
        pass

    def step(self, record: object) -> None:
        pass

    def epoch(self, record: object) -> None:
        pass

    def note(self, text: str) -> None:
        pass

    def finished(self, fitted: object) -> None:
        self.at = time.time()

    def close(self) -> None:
        pass


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--recipe", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--set", action="append", default=[])
    asked = parser.parse_args()
    import torch  # from here on it is Plait that imports, and its time counts

    from plait.data.prepare import prepare
    from plait.measure import quick
    from plait.recipe import load_recipe
    from plait.run.phase import train_phase

    torch.set_num_threads(asked.threads)
    imported = time.time()
    recipe = load_recipe(asked.recipe, asked.set)
    clock = Clock()
    with TemporaryDirectory(prefix="plait-bench-") as folder:
        prepared = prepare(recipe.schema_, asked.recipe.parent, Path(folder))
        ready = time.time()
        trained = train_phase(recipe, prepared, Path(folder) / "phase", False, clock)
    fitted, outcomes = trained.fitted, trained.outcomes
    found = {
        "validated_at": clock.at,
        "imports": imported - STARTED,
        "prepare": ready - imported,
        "train_and_validate": clock.at - ready,
        "train": fitted.seconds,
        "rows_per_second": fitted.examples / fitted.seconds,
        "test_rows_per_second": len(next(iter(outcomes.values()))) / trained.evaluated,
        "epochs": fitted.epochs,
        "precision": fitted.precision,
        "valid": fitted.scores,
        "test": {name: quick("binary", outcome, "auc") for name, outcome in outcomes.items()},
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
