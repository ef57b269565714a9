"""The picture of why in words: each sentence is made from figures, with their interval, and says no more than they do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from plait.measure import Interval, load
from plait.measure.load import COLLAPSED, DEAD
from plait.report.conflict.pulls import APART, ROUNDED, Pull, Push, pulls, pushes
from plait.report.content import Report
from plait.report.figures import Figures, Gate
from plait.report.words import names

__all__ = ["change_words", "cosine_words", "load_words", "percents", "sentences", "thresholds"]

_MOST: Final = 4
_MOST_PARTS: Final = 3


def sentences(report: Report, figures: Figures) -> list[str]:
    """Say who pulls apart and where, whom it goes with, what a step for one does to others, and how experts are used."""
    found = pulls(figures.cosine)
    words = [*_apart(report, found), *_together(found), *_steps(pushes(figures), figures)]
    for level, gate in figures.gates.items():
        words += load_words(level, gate)
    return words


def thresholds() -> str:
    """Say what the words mean, in numbers."""
    return (
        f"Tasks pull apart where the mean cosine of their gradients is below −{APART:.2f} and differs from 0 beyond chance "
        "(5 % for all parts of a pair together, by Student's t over the draws); from epoch N means that this holds over all "
        "draws from there to the end, and on average in each epoch. Intervals are 95 %. A step raises or lowers a loss "
        "where its interval excludes 0, which of many steps one in twenty does by chance. An expert is dead where no task "
        f"gives it {_share(DEAD)} of an equal share; a gate has collapsed where one expert gets {_share(COLLAPSED)} or more."
    )


def cosine_words(cosine: Interval) -> str:
    """Write a mean cosine with its interval."""
    if cosine.low != cosine.low:  # NaN is unlike itself
        return _signed(cosine.value)
    return f"{_signed(cosine.value)}, {_signed(cosine.low)} to {_signed(cosine.high)}"


def change_words(push: Push) -> str:
    """Write by how much a step lowers or raises a loss, with the interval, where it is sure which of the two it does."""
    edges = sorted((abs(push.low), abs(push.high)))
    return f"{percents(abs(push.value))} % ({percents(edges[0])} to {percents(edges[1])})"


def percents(value: float) -> str:
    """Write a share in percent with two digits that matter; what is far too small to matter as 0."""
    return "0" if abs(value) < ROUNDED else f"{100 * value:.2g}".replace("-", "−")


def load_words(level: str, gate: Gate) -> list[str]:
    """Say how evenly the experts of a level are used, and which are dead or have all of a task."""
    found = load(gate.tasks)
    if found is None:
        return []
    words = [f"In {_level(level)}, {_experts(gate, found.dead)} dead." for _ in (1,) if found.dead]
    words += [
        f"In {_level(level)}, the gate of `{task}` has collapsed: it gives expert {gate.experts[expert]} "
        f"{_share(gate.tasks[task][expert] or 0.0)}."
        for task, expert in found.collapsed.items()
    ]
    lowest = min(found.entropy, key=found.entropy.__getitem__)
    spread = (
        f"the load varies by {found.variation:.2f} around its mean (0 is even), and the entropy of gates is "
        f"{found.entropy[lowest]:.2f} of the largest or more (`{lowest}` is the lowest)"
    )
    if words:
        return [*words, f"There {spread}."]
    return [f"In {_level(level)}, all {len(gate.experts)} experts are used and no gate has collapsed: {spread}."]


def _apart(report: Report, found: Sequence[Pull]) -> list[str]:
    """Say which pairs conflict, the strongest first, and which tasks are worse than alone."""
    apart: dict[tuple[str, str], list[Pull]] = {}
    for pull in found:
        if pull.direction == "apart":
            apart.setdefault((pull.first, pull.second), []).append(pull)
    order = sorted(apart, key=lambda pair: min(pull.cosine.value for pull in apart[pair]))
    words = [_pair(report, *pair, apart[pair]) for pair in order[:_MOST]]
    if len(order) > _MOST:
        words.append(f"So do {len(order) - _MOST} more pairs.")
    pairs = {(pull.first, pull.second) for pull in found}
    if found and not order:
        if all(pull.direction == "unknown" for pull in found):
            words.append("There are too few draws to say whether tasks pull apart.")
        else:
            which = "The two tasks do not" if len(pairs) == 1 else f"No two of the {len(_tasks(found))} tasks"
            words.append(f"{which} pull apart, neither over all they share nor in any part of the model.")
    named = {task for pair in order[:_MOST] for task in pair}
    words += [
        f"{said}, although no pair with it pulls apart: look for the reason elsewhere."
        if not any(task in pair for pair in order)
        else f"{said}."
        for task in report.hurt
        if task not in named and found and (said := _worse(report, task))
    ]
    return words


def _pair(report: Report, first: str, second: str, found: Sequence[Pull]) -> str:
    """Say where and since when two tasks pull apart, and whether one of them is worse than alone."""
    parts = sorted((pull for pull in found if pull.part), key=lambda pull: pull.cosine.value)
    whole = [pull for pull in found if not pull.part]
    told = [
        f"in {_where(pull.part)}{_when(pull.since)} (mean cosine {cosine_words(pull.cosine)})"
        for pull in [*whole, *parts[:_MOST_PARTS]]
    ]
    more = f" and in {len(parts) - _MOST_PARTS} more parts" if len(parts) > _MOST_PARTS else ""
    worse = [said for task in (first, second) if (said := _worse(report, task))]
    known = [report.tasks[task].gain for task in (first, second) if task in report.tasks]
    compared = [gain for gain in known if gain is not None and gain.value is not None]
    end = "; ".join(worse) if worse else "neither is measurably worse than alone" if len(compared) == 2 else ""
    return f"`{first}` and `{second}` pull apart {', '.join(told)}{more}{'; ' + end if end else ''}."


def _worse(report: Report, task: str) -> str:
    gain = report.tasks[task].gain if task in report.tasks else None
    if gain is None or gain.value is None or gain.verdict != "worse" or gain.low is None or gain.high is None:
        return ""
    return f"`{task}` is worse than alone by {-100 * gain.value:.1f} % ({-100 * gain.high:.1f} to {-100 * gain.low:.1f})"


def _together(found: Sequence[Pull]) -> list[str]:
    pairs = sorted((p for p in found if not p.part and p.direction == "together"), key=lambda p: -p.cosine.value)
    if not pairs:
        return []
    told = [f"`{p.first}` and `{p.second}`{_when(p.since)} (mean cosine {cosine_words(p.cosine)})" for p in pairs[:_MOST]]
    more = f" So do {len(pairs) - _MOST} more pairs." if len(pairs) > _MOST else ""
    return [f"Over all they share, {names(told)} pull the same way.{more}"]


def _steps(found: Sequence[Push], figures: Figures) -> list[str]:
    """Say what a step for one task does to the losses of others."""
    between = [push for push in found if push.source != push.target]
    if not between:
        return []
    held = "validation rows" if figures.transfer.held == "valid" else "training rows that the step did not see"
    up = sorted((push for push in between if push.direction == "apart"), key=lambda push: push.value)
    down = sorted((push for push in between if push.direction == "together"), key=lambda push: -push.value)
    words = [
        f"A step for `{push.source}` raises the loss of `{push.target}` by {change_words(push)} on {held}."
        for push in up[:_MOST]
    ]
    words += [
        f"A step for `{push.source}` lowers the loss of `{push.target}` by {change_words(push)} on {held}."
        for push in down[:_MOST]
    ]
    quiet = len(between) - len(up) - len(down)
    if quiet == len(between):
        return [f"No step for one task measurably changes the loss of another on {held}."]
    if not up:
        words.append("No step for one task measurably raises the loss of another.")
    return words


def _tasks(found: Sequence[Pull]) -> set[str]:
    return {task for pull in found for task in (pull.first, pull.second)}


def _where(part: str) -> str:
    return f"the {part}" if part else "all they share"


def _when(since: int) -> str:
    return "" if since == 0 else " throughout" if since == 1 else f" from epoch {since}"


def _level(level: str) -> str:
    return level if level.startswith("level") else f"the {level}"


def _experts(gate: Gate, dead: Sequence[int]) -> str:
    told = names([str(gate.experts[number]) for number in dead])
    return f"expert {told} is" if len(dead) == 1 else f"experts {told} are"


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−") if abs(value) >= 0.005 else "0.00"


def _share(value: float) -> str:
    return f"{100 * value:.0f} %"
