"""Row vectors by role -> one vector per task: one architecture per file."""

from typing import Annotated

from pydantic import Field

from plait.errors import RecipeError
from plait.share.base import Inputs, Sharing, SharingSettings
from plait.share.home import HoME
from plait.share.mmoe import MMoE
from plait.share.pepnet import PEPNet
from plait.share.ple import PLE
from plait.share.separate import Separate
from plait.share.shared_bottom import SharedBottom
from plait.share.snr import SNR
from plait.share.star import STAR
from plait.share.stem import STEM

__all__ = [
    "PLE",
    "SNR",
    "STAR",
    "STEM",
    "AnySharing",
    "HoME",
    "Inputs",
    "MMoE",
    "PEPNet",
    "Separate",
    "SharedBottom",
    "Sharing",
    "SharingSettings",
    "build_sharing",
]

AnySharing = Annotated[
    Separate.Settings
    | SharedBottom.Settings
    | MMoE.Settings
    | PLE.Settings
    | STEM.Settings
    | HoME.Settings
    | PEPNet.Settings
    | STAR.Settings
    | SNR.Settings,
    Field(discriminator="kind"),
]


def build_sharing(settings: SharingSettings, inputs: Inputs, tasks: int) -> Sharing:
    """Build the body that the settings describe.

    Args:
        settings: the method.
        inputs: the joint input it will read.
        tasks: T.

    Raises:
        RecipeError: the settings are of no body that is known here, or name a feature that the input does not hold.
    """
    match settings:
        case Separate.Settings():
            return Separate(inputs.width, tasks, settings)
        case SharedBottom.Settings():
            return SharedBottom(inputs.width, tasks, settings)
        case MMoE.Settings():
            return MMoE(inputs.width, tasks, settings)
        case PLE.Settings():
            return PLE(inputs.width, tasks, settings)
        case STEM.Settings():
            return STEM(inputs.width, tasks, settings)
        case HoME.Settings():
            return HoME(inputs, tasks, settings)
        case PEPNet.Settings():
            return PEPNet(inputs, tasks, settings)
        case STAR.Settings():
            return STAR(inputs, tasks, settings)
        case SNR.Settings():
            return SNR(inputs.width, tasks, settings)
        case _:
            raise RecipeError(
                "`model.sharing` should be one of the bodies of `plait.share`, since only those can be built from a recipe. "
                f"Found settings of class `{type(settings).__name__}`."
            )
