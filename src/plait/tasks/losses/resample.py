"""Which labels of a task come up how often in an epoch."""

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import BeforeValidator, Field
from torch import Tensor

from plait.layout import TaskLayout
from plait.tasks.losses.class_weight import Given, by_class, names_of
from plait.tasks.losses.classes import ClassTask

__all__ = ["ExclusiveTask", "class_names", "given_weights", "times"]


class ExclusiveTask(ClassTask):
    """What tasks have in common whose rows are of one class each."""

    resample: Annotated[
        dict[str, Annotated[float, Field(gt=0, le=100)]], BeforeValidator(names_of)
    ] = Field(default_factory=dict)  # fmt: skip
    """Class -> how often its labels come up in an epoch: `{0: 0.1}` shows a tenth of the negatives, others in each epoch;
    `{1: 3}` shows positives three times. Labels of other tasks come up as ever; predictions stay on the scale of the
    data."""


def class_names(task: TaskLayout) -> list[str]:
    """Name the classes of a task; those of a binary one are 0 and 1."""
    return ["0", "1"] if task.kind == "binary" else list(task.classes)


def given_weights(settings: ClassTask, task: TaskLayout) -> Float[Tensor, " C"]:
    """Return the recipe's own weights in the order of the classes; 1 where it has none.

    Raises:
        RecipeError: a weight is for a class that the training part does not have.
    """
    named = settings.class_weight.weights if isinstance(settings.class_weight, Given.Settings) else {}
    return by_class(task.name, "class_weight", class_names(task), named)


def times(settings: ExclusiveTask, task: TaskLayout) -> Float[Tensor, " C"]:
    """Return how often labels of each class come up in an epoch.

    Raises:
        RecipeError: a class is none of the training part's.
    """
    if not settings.resample:
        return torch.ones(len(class_names(task)))
    return by_class(task.name, "resample", class_names(task), settings.resample)
