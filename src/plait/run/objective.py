"""What each task minimises, in words, for the report."""

from __future__ import annotations

from plait.schema import Task

__all__ = ["objective"]

_DATA = ("table", "kind", "label", "where", "inputs", "metric", "group")


def objective(task: Task) -> str:
    """Say a task's loss, and what the recipe sets beside it: weights, resampling, smoothing, the chain, the delay."""
    values = task.model_dump(mode="json")
    chosen = task.model_dump(mode="json", exclude_defaults=True)
    kept = [key for key in values if key not in _DATA and (key == "loss" or key in chosen)]
    return "; ".join(f"{key.replace('_', ' ')} {_words(values[key])}" for key in kept)


def _words(value: object) -> str:
    """Write a setting: its kind, and in brackets the rest."""
    if isinstance(value, dict):
        rest = ", ".join(f"{key}: {_words(inner)}" for key, inner in value.items() if key != "kind" and inner is not None)
        return " ".join(part for part in (value.get("kind", "").replace("_", " "), f"({rest})" if rest else "") if part)
    if isinstance(value, list):
        return ", ".join(_words(inner) for inner in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
