"""Why a user would be shown an item, on the command line: what `/v1/explain` answers, in lines."""

from __future__ import annotations

from pathlib import Path

from plait.errors import RecipeError, nearest
from plait.export.bundle import load_bundle
from plait.serve.ask.answers import Cause, Effect
from plait.serve.ask.questions import ExplainAsked
from plait.serve.service import Service

__all__ = ["explain_item"]

_SHOWN = 12


def explain_item(folder: Path, user: str, item: str, task: str | None = None) -> tuple[list[str], dict[str, object]]:
    """Say what each feature and each earlier item does to the scores of a user with an item.

    Args:
        folder: a run or a bundle.
        user: id of the user; one who is not known is explained by the item alone.
        item: id of the item.
        task: one task; all where not said.

    Returns:
        Lines for people, and the same as data.

    Raises:
        DataError: there is no such item.
        RecipeError: there is no such task.
        RunError: users and items do not meet in this run.
    """
    said = Service(load_bundle(folder)).explain(ExplainAsked(user=user, item=item))
    tasks = list(said.why)
    if not tasks or (task is not None and task not in tasks):
        hint = nearest(task, tasks) if task is not None else ""
        raise RecipeError(f"`task` should be one that gives a pair one number: {tasks}. Found `{task}`.{hint}")
    if task is not None:
        said = said.model_copy(update={"why": {task: said.why[task]}})
    lines = [f"`{said.title}` for user `{user}`" + ("" if said.known else ", of whom nothing is known")]
    for name, cause in said.why.items():
        lines += ["", *_lines(name, cause)]
    if said.because:
        lines += ["", "Most like it of what they had: " + ", ".join(f"`{one.title}`" for one in said.because)]
    if task is None:
        places = [f"{step.stage} {step.place or 'not'} of {step.among}" for step in said.moved]
        lines += ["", "Its place among the candidates: " + ", ".join(places)]
    return lines, said.model_dump(mode="json")


def _lines(task: str, cause: Cause) -> list[str]:
    side = "below" if cause.score >= cause.mean else "at least at"
    lines = [f"{task}: {cause.score:.4f} (in training {cause.mean:.4f} on average)"]
    lines += [f"  {effect.effect:+.4f}  {_worded(effect)}" for effect in cause.effects[:_SHOWN]]
    if cause.turned is None:
        return [*lines, f"  No few of these turn it to {side} the average."]
    return [*lines, f"  It would be {side} the average without {' and '.join(map(_worded, cause.turned))}."]


def _worded(effect: Effect) -> str:
    if effect.item is not None:
        return f"because of `{effect.value}`"
    return effect.feature if effect.value is None else f"{effect.feature} = {effect.value}"
