"""Losses -> one update of the shared part."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from plait.balance.auto_lambda import AutoLambda
from plait.balance.base import Balancer, BalanceSettings
from plait.balance.curriculum import Curriculum
from plait.balance.db_mtl import DBMTL
from plait.balance.feedback import Feedback
from plait.balance.gradients import Gradients
from plait.balance.gradnorm import GradNorm
from plait.balance.metabalance import MetaBalance
from plait.balance.moco import MoCo
from plait.balance.pareto import Pareto
from plait.balance.projection import UPGrad
from plait.balance.uncertainty import Uncertainty
from plait.balance.validation import Validation
from plait.balance.weights import Average, Fixed, Maximum

__all__ = [
    "DBMTL",
    "AnyBalance",
    "AutoLambda",
    "Average",
    "BalanceSettings",
    "Balancer",
    "Curriculum",
    "Feedback",
    "Fixed",
    "GradNorm",
    "Gradients",
    "Maximum",
    "MetaBalance",
    "MoCo",
    "Pareto",
    "UPGrad",
    "Uncertainty",
    "Validation",
    "build_balancer",
]

AnyBalance = Annotated[
    Average.Settings
    | Fixed.Settings
    | Maximum.Settings
    | Uncertainty.Settings
    | UPGrad.Settings
    | Validation.Settings
    | Curriculum.Settings
    | Feedback.Settings
    | Pareto.Settings
    | GradNorm.Settings
    | DBMTL.Settings
    | MoCo.Settings
    | MetaBalance.Settings
    | AutoLambda.Settings,
    Field(discriminator="kind"),
]


def build_balancer(settings: BalanceSettings, task_names: Sequence[str], weights: Sequence[float]) -> Balancer:
    """Build the balancer that the settings describe.

    Args:
        settings: the method.
        task_names: the tasks, in the order of the losses.
        weights: the recipe's weight of each task, which multiplies its loss.

    Raises:
        RecipeError: the settings name a task that does not exist, or the method cannot do with these tasks.
    """
    return settings.build(task_names, weights)
