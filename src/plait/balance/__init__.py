"""Losses -> one update of the shared part."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from plait.balance.base import Balancer, BalanceSettings
from plait.balance.gradients.auto_lambda import AutoLambda
from plait.balance.gradients.bargain import IMTLG, AlignedMTL, ConFIG, FairGrad, NashMTL
from plait.balance.gradients.coordinates import GradDrop, Krum, TrimmedMean
from plait.balance.gradients.db_mtl import DBMTL
from plait.balance.gradients.draws import MoDo, SDMGrad
from plait.balance.gradients.excess import ExcessMTL
from plait.balance.gradients.gradnorm import GradNorm
from plait.balance.gradients.metabalance import MetaBalance
from plait.balance.gradients.minimum_norm import MGDA, CAGrad
from plait.balance.gradients.moco import MoCo
from plait.balance.gradients.priority import PCD
from plait.balance.gradients.projection import DualProj, GradVac, PCGrad, UPGrad
from plait.balance.gradients.smoothed import CRMOGM
from plait.balance.gradients.weighting import Gradients
from plait.balance.losses.curriculum import Curriculum
from plait.balance.losses.feedback import Feedback
from plait.balance.losses.pareto import Pareto
from plait.balance.losses.preferences import COSMOS, PBI, STCH
from plait.balance.losses.rates import DWA, FAMO
from plait.balance.losses.sums import GeometricMean, RandomWeights, Sum
from plait.balance.losses.uncertainty import IMTLL, Uncertainty
from plait.balance.losses.validation import Validation
from plait.balance.losses.weights import Average, Fixed, Maximum

__all__ = [
    "COSMOS",
    "CRMOGM",
    "DBMTL",
    "DWA",
    "FAMO",
    "IMTLG",
    "IMTLL",
    "MGDA",
    "PBI",
    "PCD",
    "STCH",
    "AlignedMTL",
    "AnyBalance",
    "AutoLambda",
    "Average",
    "BalanceSettings",
    "Balancer",
    "CAGrad",
    "ConFIG",
    "Curriculum",
    "DualProj",
    "ExcessMTL",
    "FairGrad",
    "Feedback",
    "Fixed",
    "GeometricMean",
    "GradDrop",
    "GradNorm",
    "GradVac",
    "Gradients",
    "Krum",
    "Maximum",
    "MetaBalance",
    "MoCo",
    "MoDo",
    "NashMTL",
    "PCGrad",
    "Pareto",
    "RandomWeights",
    "SDMGrad",
    "Sum",
    "TrimmedMean",
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
    | AutoLambda.Settings
    | ConFIG.Settings
    | FairGrad.Settings
    | IMTLG.Settings
    | AlignedMTL.Settings
    | NashMTL.Settings
    | GradDrop.Settings
    | Krum.Settings
    | TrimmedMean.Settings
    | MoDo.Settings
    | SDMGrad.Settings
    | ExcessMTL.Settings
    | MGDA.Settings
    | CAGrad.Settings
    | COSMOS.Settings
    | PBI.Settings
    | STCH.Settings
    | PCD.Settings
    | DualProj.Settings
    | GradVac.Settings
    | PCGrad.Settings
    | DWA.Settings
    | FAMO.Settings
    | IMTLL.Settings
    | CRMOGM.Settings
    | GeometricMean.Settings
    | RandomWeights.Settings
    | Sum.Settings,
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
