"""Losses -> one update of the shared part."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from plait.balance.auto_lambda import AutoLambda
from plait.balance.bargain import IMTLG, AlignedMTL, ConFIG, FairGrad, NashMTL
from plait.balance.base import Balancer, BalanceSettings
from plait.balance.coordinates import GradDrop, Krum, TrimmedMean
from plait.balance.curriculum import Curriculum
from plait.balance.db_mtl import DBMTL
from plait.balance.draws import MoDo, SDMGrad
from plait.balance.excess import ExcessMTL
from plait.balance.feedback import Feedback
from plait.balance.gradients import Gradients
from plait.balance.gradnorm import GradNorm
from plait.balance.metabalance import MetaBalance
from plait.balance.minimum_norm import MGDA, CAGrad
from plait.balance.moco import MoCo
from plait.balance.pareto import Pareto
from plait.balance.preferences import COSMOS, PBI, STCH
from plait.balance.priority import PCD
from plait.balance.projection import DualProj, GradVac, PCGrad, UPGrad
from plait.balance.rates import DWA, FAMO
from plait.balance.scales import IMTLL
from plait.balance.smoothed import CRMOGM
from plait.balance.sums import GeometricMean, RandomWeights, Sum
from plait.balance.uncertainty import Uncertainty
from plait.balance.validation import Validation
from plait.balance.weights import Average, Fixed, Maximum

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
