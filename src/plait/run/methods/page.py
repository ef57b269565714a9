"""The page of the benchmark: what ran, a picture and a table per ground, and what can and cannot be read from them."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import Any

import plait
from plait.measure import Interval, decisive
from plait.report.words import metric_name
from plait.run.methods.entrants import BASELINE
from plait.run.methods.grounds import GROUNDS
from plait.run.methods.picture import picture
from plait.run.methods.standing import Standing

__all__ = ["write_page"]

_KINDS = {
    "sharing": "shares differently, equal weights",
    "balancing": "balances differently, shared bottom",
    "relation": "relates the tasks, shared bottom",
    "alone": "one model a task",
}


def write_page(found: Mapping[str, Sequence[Standing]], page: Path, command: str) -> None:
    """Write the page and its pictures.

    Args:
        found: ground -> its standings.
        page: the Markdown file; pictures go into `images/benchmarks` beside it.
        command: what made it.
    """
    images = page.parent / "images" / "benchmarks"
    images.mkdir(parents=True, exist_ok=True)
    parts = [_head(command), _summary(found)]
    for ground, standings in found.items():
        (images / f"{ground}.svg").write_text(picture(standings), encoding="utf-8")
        parts.append(_ground(ground, standings))
    page.write_text("\n".join(parts), encoding="utf-8")


def _head(command: str) -> str:
    today = datetime.now(UTC).date().isoformat()
    return f"""# Methods side by side

Every way to share and to balance on the same data with the same budget. Made on {today} by `{command}`
with Plait {plait.__version__} on {platform.machine()}; the same command makes it again, whole or in part.
How many seeds went into a figure is said with each data set.

How to read it:

- **Budget.** All methods on one data set have the same optimiser, epochs, rows per step, width of embeddings and
  widths of layers; nothing is tuned per method. The epoch is chosen on the validation part, figures are of the test
  part. What differs in cost is shown: seconds of an epoch as a multiple of the baseline's, one thread each, on a machine
  with other work beside it; [speed](speed.md) has the cost of a step measured alone. Methods that read several batches a
  step (`auto_lambda`, `modo`, `sdmgrad`) take as many times fewer steps.
- **Baseline.** `{BASELINE}`: one network for all tasks, equal weights. Sharing methods run with equal weights,
  balancing methods on the shared bottom.
- **Gain.** The mean over tasks of the relative gain against the baseline with the same seed; 95 % Student intervals
  over seeds. Seeds change the start of the weights and the order of rows, never the split: the interval says nothing
  of other data.
- **Verdict.** *better* or *worse* only where the interval leaves 0 out. Among a hundred methods that change nothing,
  about five would be called one or the other: trust what repeats across data sets, not a single line.
"""


def _summary(found: Mapping[str, Sequence[Standing]]) -> str:
    """One line per method over all grounds, and the reading in words."""
    methods: dict[str, dict[str, Standing]] = {}
    for ground, standings in found.items():
        for one in standings:
            methods.setdefault(one.method, {})[ground] = one
    lines = ["## In one table", "", "Mean gain in percent; **bold** where the interval leaves 0 out.", ""]
    lines += ["| method | " + " | ".join(found) + " |", "|---|" + "---|" * len(found)]
    order = sorted(methods, key=lambda name: -sum(_finite(one.gain.value) for one in methods[name].values()))
    for name in order:
        lines.append(f"| `{name}` | " + " | ".join(_cell(methods[name].get(ground)) for ground in found) + " |")
    return "\n".join([*lines, "", "## In words", "", *_words(found), ""])


def _words(found: Mapping[str, Sequence[Standing]]) -> list[str]:
    lines = []
    for ground, standings in found.items():
        ran = [one for one in standings if not one.refused and one.method != BASELINE]
        better = [f"`{one.method}` ({_percent(one.gain.value)})" for one in ran if one.verdict == "better"]
        worse = [f"`{one.method}` ({_percent(one.gain.value)})" for one in ran if one.verdict == "worse"]
        same = len(ran) - len(better) - len(worse)
        told = [f"{len(better)} of {len(ran)} better: {', '.join(better)}" if better else "none better than the baseline"]
        told.append(f"{len(worse)} worse: {', '.join(reversed(worse))}" if worse else "none worse")
        lines.append(f"- **{ground}**: {'; '.join(told)}; no difference to be seen for {same}.")
    return lines


def _ground(ground: str, standings: Sequence[Standing]) -> str:
    ran = [one for one in standings if not one.refused]
    tasks = list(ran[0].scores) if ran else []
    settings = GROUNDS[ground].recipe["tasks"]
    heads = [f"{task}, {metric_name(_metric(settings[task]))}" for task in tasks]
    train = GROUNDS[ground].recipe["train"]
    lines = [
        f"## {ground}",
        "",
        f"{GROUNDS[ground].words}. {train['epochs']} epochs of {train['batch']:,} rows a step, "
        f"layers {list(GROUNDS[ground].size)}, {ran[0].seeds if ran else 0} seeds.",
        "",
        f"![Gains against the baseline on {ground}](images/benchmarks/{ground}.svg)",
        "",
        "| method | what it does | gain % | " + " | ".join(heads) + " | cost | parameters |",
        "|---|---|---|" + "---|" * len(tasks) + "---|---|",
    ]
    for one in ran:
        mark = {"better": " **better**", "worse": " **worse**", "same": ""}[one.verdict] if one.method != BASELINE else ""
        figures = " | ".join(_figure(one.scores[task]) for task in tasks)
        gain = "–" if one.method == BASELINE else f"{_span(one.gain)}{mark}"
        lines.append(f"| `{one.method}` | {_KINDS[one.kind]} | {gain} | {figures} | {one.cost:.2f} | {one.parameters:,} |")
    refused = [f"- `{one.method}` did not run: {' '.join(one.refused.split())}" for one in standings if one.refused]
    return "\n".join([*lines, "", *refused, ""])


def _metric(settings: Mapping[str, Any]) -> str:
    return str(settings.get("metric") or decisive(settings["kind"]))


def _cell(one: Standing | None) -> str:
    if one is None or one.refused:
        return "·"
    if one.method == BASELINE:
        return "0"
    text = f"{100 * one.gain.value:+.2f}".replace("-", "−")
    return f"**{text}**" if one.verdict != "same" else text


def _figure(found: Interval) -> str:
    half = (found.high - found.low) / 2
    return f"{found.value:.4f} ±{half:.4f}" if isfinite(half) else f"{found.value:.4f}"


def _span(gain: Interval) -> str:
    if not isfinite(gain.low):
        return f"{100 * gain.value:+.2f}".replace("-", "−")
    return f"{100 * gain.value:+.2f} ({100 * gain.low:+.2f} to {100 * gain.high:+.2f})".replace("-", "−")


def _percent(value: float) -> str:
    return f"{100 * value:+.2f} %".replace("-", "−")


def _finite(value: float) -> float:
    return value if isfinite(value) else 0.0
