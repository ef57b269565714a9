"""Why a user would be shown an item, on the command line: features, reasons in the history, and what would turn it."""

from __future__ import annotations

from pathlib import Path

from plait.errors import DataError, RecipeError, nearest
from plait.explain.ablation import ablate
from plait.explain.counterfactual import counterfactual
from plait.export.bundle import load_bundle
from plait.serve.ask.features import Part, Parts
from plait.serve.catalogue import Catalogue

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
    bundle = load_bundle(folder)
    pairing, run = bundle.backend.pairing(), bundle.run
    users = run.layout.tables[pairing.table].targets[pairing.user_key]
    catalogue = Catalogue(run, pairing.items, lambda _: None)
    row, who = catalogue.row(item), Catalogue(run, users, lambda _: None).row(user) or 0
    if row is None:
        raise DataError(f"`item` should be the id of one of the {catalogue.rows} rows of `{pairing.items}`. Found `{item}`.")
    parts = Parts(bundle, who, row)
    if not parts.tasks or (task is not None and task not in parts.tasks):
        hint = nearest(task, parts.tasks) if task is not None else ""
        raise RecipeError(f"`task` should be one that gives a pair one number: {parts.tasks}. Found `{task}`.{hint}")
    found = ablate(parts.score, len(parts.parts))
    titles = catalogue.titles.to_pylist()
    lines = [f"`{titles[row - 1]}` for user `{user}`" + ("" if who else ", of whom nothing is known")]
    said: dict[str, object] = {}
    for place, name in enumerate(parts.tasks):
        if task not in (None, name):
            continue
        mean = run.layout.tasks[name].mean
        out = counterfactual(lambda present, at=place: parts.score(present)[:, at], len(parts.parts), mean)  # type: ignore[misc]
        order = found.order(place)
        effects = [(_worded(parts.parts[n], titles), float(found.effects[n, place])) for n in order]
        full = float(found.full[place])
        turned = None if out is None else [_worded(parts.parts[n], titles) for n in out]
        said[name] = {
            "score": full,
            "mean": mean,
            "effects": [{"part": part, "effect": effect} for part, effect in effects],
            "counterfactual": turned,
        }
        side = "below" if full >= mean else "at least at"
        lines += ["", f"{name}: {full:.4f} (in training {mean:.4f} on average)"]
        lines += [f"  {effect:+.4f}  {part}" for part, effect in effects[:_SHOWN]]
        lines.append(
            f"  No few of these turn it to {side} the average."
            if turned is None
            else f"  It would be {side} the average without {' and '.join(turned)}."
        )
    return lines, {"user": user, "known": who > 0, "item": item, "model": bundle.version, "tasks": said}


def _worded(part: Part, titles: list[str]) -> str:
    return f"because of `{titles[part.item - 1]}`" if part.item else part.feature
