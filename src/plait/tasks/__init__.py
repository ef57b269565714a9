"""One vector per task -> prediction and loss: one kind per file."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field

from plait import schema
from plait.errors import RecipeError
from plait.layout import Alphabet, TaskLayout
from plait.tasks.amount import Amount
from plait.tasks.base import Head, TwoTower
from plait.tasks.binary import Binary
from plait.tasks.losses.huber import Huber
from plait.tasks.losses.quantile import Quantile
from plait.tasks.losses.resample import ExclusiveTask, times
from plait.tasks.masked import Masked
from plait.tasks.multiclass import Multiclass
from plait.tasks.multilabel import Multilabel
from plait.tasks.ordinal import Ordinal
from plait.tasks.ranking import Ranking
from plait.tasks.regression import Regression
from plait.tasks.relatedness import Relatedness
from plait.tasks.relations.chain import Chain, build_chain
from plait.tasks.relations.given import chain_problems
from plait.tasks.retrieval import Retrieval
from plait.tasks.tagging import Tagging
from plait.tasks.tokens import TokenHead
from plait.tasks.unlabelled.chosen import unlabelled_problems

__all__ = [
    "Amount",
    "AnyTask",
    "Binary",
    "Chain",
    "Head",
    "Masked",
    "Multiclass",
    "Multilabel",
    "Ordinal",
    "Ranking",
    "Regression",
    "Relatedness",
    "Retrieval",
    "Tagging",
    "TokenHead",
    "TwoTower",
    "build_chain",
    "build_head",
    "chain_problems",
    "fitting",
    "levels",
    "resampling",
    "task_problems",
]

AnyTask = Annotated[
    Binary.Settings
    | Multiclass.Settings
    | Multilabel.Settings
    | Regression.Settings
    | Ordinal.Settings
    | Amount.Settings
    | Ranking.Settings
    | Retrieval.Settings
    | Relatedness.Settings
    | Tagging.Settings
    | Masked.Settings,
    Field(discriminator="kind"),
]


def task_problems(tasks: Mapping[str, schema.Task]) -> list[str]:
    """Say what cannot be in what tasks are given and in what they learn from rows without a label, a sentence each."""
    return [*chain_problems(tasks), *unlabelled_problems(tasks)]


def levels(settings: schema.Task) -> tuple[float, ...]:
    """Return of which quantiles a task's predictions are; none where they are no quantiles."""
    match settings:
        case Regression.Settings(loss=Quantile.Settings() as chosen):
            return tuple(chosen.levels)
        case _:
            return ()


def resampling(settings: schema.Task, task: TaskLayout) -> tuple[float, ...]:
    """Return how often labels of each class of a task come up in an epoch; nothing where each comes up once.

    Raises:
        RecipeError: the recipe names a class that the training part does not have.
    """
    match settings:
        case ExclusiveTask() if settings.resample:
            return tuple(times(settings, task).tolist())
        case _:
            return ()


def fitting(settings: schema.Task) -> str | None:
    """Name the figure that fits a task's loss where its kind's own does not: an RMSE says nothing about a high quantile."""
    match settings:
        case Regression.Settings(loss=Quantile.Settings()):
            return "pinball"
        case Regression.Settings(loss=Huber.Settings()):
            return "mae"
        case _:
            return None


def build_head(
    settings: schema.Task,
    task: TaskLayout,
    width: int,
    layers: Sequence[int],
    candidate_width: int = 0,
    alphabet: Alphabet | None = None,
) -> Head | TwoTower | TokenHead:
    """Build the head that a task's settings describe.

    Args:
        settings: the task of the recipe.
        task: the task as prepared.
        width: H, the length of the task's vector.
        layers: widths of the task's tower.
        candidate_width: retrieval and relatedness: the length of the target table's row vector.
        alphabet: tagging and masked: the tokens of the encoder inside the model.

    Raises:
        RecipeError: the settings are of no kind that is known here.
    """
    match settings:
        case Binary.Settings():
            return Binary(task, width, layers, settings)
        case Multiclass.Settings():
            return Multiclass(task, width, layers, settings)
        case Multilabel.Settings():
            return Multilabel(task, width, layers, settings)
        case Regression.Settings():
            return Regression(task, width, layers, settings)
        case Ordinal.Settings():
            return Ordinal(task, width, layers)
        case Amount.Settings():
            return Amount(task, width, layers, settings)
        case Ranking.Settings():
            return Ranking(task, width, layers, settings)
        case Retrieval.Settings():
            return Retrieval(width, candidate_width, layers, settings)
        case Relatedness.Settings():
            return Relatedness(task, width, candidate_width, layers, settings)
        case Tagging.Settings() if alphabet is not None:
            return Tagging(task, alphabet, width, layers, settings.lean)
        case Masked.Settings() if alphabet is not None:
            return Masked(alphabet, settings)
        case _:
            raise RecipeError(
                f"Task `{task.name}` should be one of the kinds of `plait.tasks`, since only those have a head. "
                f"Found settings of class `{type(settings).__name__}`."
            )
