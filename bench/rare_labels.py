"""What losses, class weights and resampling do for a rare label: `python -m bench.rare_labels FOLDER`.

FOLDER holds `hillstrom/email.parquet`, `bank_marketing/calls.parquet` and `census_income/census.parquet`. Every variant is
trained jointly with a second, frequent task on the same split, over several seeds; gains against plain cross-entropy are in
pairs. `--only hillstrom` does one of them; `--alone` leaves the second task out.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from plait.data.columns import Prepared
from plait.data.mix import mix_of
from plait.data.prepare import prepare
from plait.measure import Outcome, combine, gain, quick
from plait.recipe import Recipe, load_recipe
from plait.run.build import build_balance, build_model, resampled
from plait.run.phase import goal_of, on_test
from plait.run.resolve import resolve
from plait.train.loop import fit

METRICS = ("auc", "pr_auc", "log_loss", "ece")
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "focal": {"loss": "focal"},
    "balanced": {"class_weight": "balanced"},
    "effective": {"class_weight": "effective"},
    "five times": {"class_weight": {"1": 5}},
    "smoothing 0.05": {"smoothing": 0.05},
    "a fifth of the negatives": {"resample": {"0": 0.2}},
    "positives five times": {"resample": {"1": 5}},
}
MODEL = {"width": 8, "sharing": {"kind": "mmoe", "experts": 4, "expert": [64]}, "tower": [32]}


def grounds(folder: Path) -> dict[str, tuple[str, dict[str, Any]]]:
    """Name the rare task of each data set and write its recipe."""
    mail, calls, people = {"table": "mail"}, {"table": "calls"}, {"table": "people"}
    return {
        "hillstrom": (
            "buy",
            {
                "tables": {"mail": {"source": str(folder / "hillstrom/email.parquet")}},
                "features": {"mail.visit": "ignore", "mail.conversion": "ignore", "mail.spend": "ignore"},
                "tasks": {
                    "buy": {**mail, "kind": "binary", "label": "conversion"},
                    "visit": {**mail, "kind": "binary", "label": "visit"},
                },
            },
        ),
        "bank_marketing": (
            "deposit",
            {
                "tables": {"calls": {"source": str(folder / "bank_marketing/calls.parquet")}},
                "features": {"calls.duration": "ignore", "calls.y": "ignore", "calls.housing": "ignore"},
                "tasks": {
                    "deposit": {**calls, "kind": "binary", "label": "y = 'yes'"},
                    "housing": {**calls, "kind": "binary", "label": "housing = 'yes'"},
                },
            },
        ),
        "census_income": (
            "rich",
            {
                "tables": {"people": {"source": str(folder / "census_income/census.parquet")}},
                "features": {
                    f"people.{name}": "ignore" for name in ("income", "marital_status", "instance_weight")
                },
                "tasks": {
                    "rich": {**people, "kind": "binary", "label": "income LIKE '%50000+%'"},
                    "single": {**people, "kind": "binary", "label": "marital_status LIKE '%Never married%'"},
                },
            },
        ),
    }  # fmt: skip


def trained(recipe: Recipe, prepared: Prepared, seed: int) -> dict[str, Outcome]:
    """Train once and predict the test part."""
    own = recipe.model_copy(update={"seed": seed})
    model = build_model(own, prepared.layout)
    fit(
        model,
        resampled(own, prepared),
        build_balance(own, prepared.layout),
        own.train,
        goal=goal_of(own, prepared),
        seed=seed,
    )
    return on_test(model, prepared)[0]


def main() -> None:
    """Train all variants on all data and print one table per data set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", choices=("hillstrom", "bank_marketing", "census_income"))
    parser.add_argument("--alone", action="store_true", help="leave the other task out, so that hidden rows save time")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        for name, (task, described) in grounds(asked.folder.resolve()).items():
            if asked.only not in (None, name):
                continue
            source = {"name": name, "split": {"by": "random"}, "model": MODEL, "train": {"epochs": 6}, **described}
            if asked.alone:
                source["tasks"] = {task: described["tasks"][task]}
            resolved = resolve(source, base=Path(cache))
            prepared = prepare(resolved.recipe.schema_, Path(cache), Path(cache) / "prepared", None)
            full = json.loads(resolved.recipe.model_dump_json())
            rate = prepared.layout.tasks[task].mean
            print(
                f"\n### {name}: {task}, {rate:.1%}\n\n| variant | {' | '.join(METRICS)} | other task | rows an epoch |",
                flush=True,
            )
            print("|---" * (len(METRICS) + 3) + "|", flush=True)
            base: list[dict[str, Outcome]] = []
            for variant, changes in VARIANTS.items():
                tasks = {**full["tasks"], task: {**full["tasks"][task], **changes}}
                recipe = load_recipe({**full, "tasks": tasks})
                runs = [trained(recipe, prepared, seed) for seed in range(asked.seeds)]
                base = base or runs
                shown = mix_of("joint", resampled(recipe, prepared), recipe.train.batch, recipe.seed).examples
                print(f"| {variant} | {' | '.join(figures(runs, base, task).values())} | {shown:,} |", flush=True)


def figures(runs: list[dict[str, Outcome]], base: list[dict[str, Outcome]], task: str) -> dict[str, str]:
    """Say the mean of each figure over the seeds, and whether it is better than plain beyond the interval."""
    found = {}
    other = next((name for name in runs[0] if name != task), task)
    for which, metric in [*((task, metric) for metric in METRICS), (other, "auc")]:
        mean = np.mean([quick("binary", run[which], metric) for run in runs])
        against = combine(
            [gain("binary", metric, run[which], plain[which], 17) for run, plain in zip(runs, base, strict=True)]
        )
        mark = "" if runs is base or against.verdict == "same" else f" **{against.verdict}**"
        found[metric if which == task else other] = f"{mean:.4f}{mark}"
    return found


if __name__ == "__main__":
    main()
