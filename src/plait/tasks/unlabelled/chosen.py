"""Which tasks learn from rows without a label, how, and what cannot be."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, Field

from plait import schema
from plait.layout import TaskLayout
from plait.tasks.unlabelled.base import Unlabelled
from plait.tasks.unlabelled.consistency import Consistency
from plait.tasks.unlabelled.pseudo import Pseudo

__all__ = ["AnyUnlabelled", "LearningTask", "build_unlabelled", "unlabelled_drop", "unlabelled_problems", "unlabelled_ratio"]

AnyUnlabelled = Annotated[
    Annotated[Pseudo.Settings | Consistency.Settings, Field(discriminator="kind")], BeforeValidator(schema.short_form)
]


class LearningTask(schema.Task):
    """What kinds of task have in common that can learn from rows without a label."""

    unlabelled: AnyUnlabelled | None = None
    """What is learned from training rows whose label is NULL: `pseudo` or `consistency`; nothing where not said."""


def unlabelled_ratio(settings: schema.Task) -> float:
    """Return how many rows without any label come up in an epoch of training for each that has one."""
    return settings.unlabelled.ratio if isinstance(settings, LearningTask) and settings.unlabelled is not None else 0.0


def unlabelled_drop(settings: schema.Task) -> float:
    """Return the share of the numbers of an example that its second reading leaves out."""
    return settings.unlabelled.drop if isinstance(settings, LearningTask) and settings.unlabelled is not None else 0.0


def build_unlabelled(settings: schema.Task, task: TaskLayout) -> Unlabelled | None:
    """Build what a task learns from rows without a label, where it learns anything from them."""
    if not isinstance(settings, LearningTask) or settings.unlabelled is None:
        return None
    return settings.unlabelled.build(len(task.classes) if task.kind == "multiclass" else 2)


def unlabelled_problems(tasks: Mapping[str, schema.Task]) -> list[str]:
    """Say which tasks cannot learn from rows without a label, a sentence each."""
    problems = []
    for name, task in tasks.items():
        if not isinstance(task, LearningTask) or task.unlabelled is None:
            continue
        found = [key for key, value in (("where", task.where), ("delay", task.delay), ("given", task.given)) if value]
        if found:
            problems.append(
                f"Task `{name}`: `unlabelled` should stand without `where`, `delay` and `given`, because rows outside the "
                "sample space, or whose label is still to come, would count as rows without a label. Found "
                f"`{'`, `'.join(found)}`. Leave one of them out."
            )
    return problems
