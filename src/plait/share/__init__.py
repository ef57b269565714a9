"""Row vectors by role -> one vector per task: one architecture per file."""

from typing import Annotated

from pydantic import Field

from plait.share.adapters import Adapters
from plait.share.adatt import AdaTT
from plait.share.base import Inputs, Sharing, SharingSettings
from plait.share.cross_stitch import CrossStitch
from plait.share.home import HoME
from plait.share.mmoe import MMoE
from plait.share.mtan import MTAN
from plait.share.pepnet import PEPNet
from plait.share.ple import PLE
from plait.share.separate import Separate
from plait.share.shared_bottom import SharedBottom
from plait.share.snr import SNR
from plait.share.star import STAR
from plait.share.stem import STEM

__all__ = [
    "MTAN",
    "PLE",
    "SNR",
    "STAR",
    "STEM",
    "AdaTT",
    "Adapters",
    "AnySharing",
    "CrossStitch",
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
    | CrossStitch.Settings
    | MTAN.Settings
    | Adapters.Settings
    | MMoE.Settings
    | PLE.Settings
    | AdaTT.Settings
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
        RecipeError: the settings name a feature that the input does not hold.
    """
    return settings.build(inputs, tasks)
