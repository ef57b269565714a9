"""Row vectors by role -> one vector per task: one architecture per file."""

from typing import Annotated

from pydantic import Field

from plait.share.base import Sharing
from plait.share.mmoe import MMoE
from plait.share.ple import PLE
from plait.share.separate import Separate
from plait.share.shared_bottom import SharedBottom

__all__ = ["PLE", "AnySharing", "MMoE", "Separate", "SharedBottom", "Sharing", "build_sharing"]

AnySharing = Annotated[Separate.Settings | SharedBottom.Settings | MMoE.Settings | PLE.Settings, Field(discriminator="kind")]


def build_sharing(
    settings: Separate.Settings | SharedBottom.Settings | MMoE.Settings | PLE.Settings, width_in: int, tasks: int
) -> Sharing:
    """Build the body that the settings describe, for a joint input of a width and a number of tasks."""
    match settings:
        case Separate.Settings():
            return Separate(width_in, tasks, settings)
        case SharedBottom.Settings():
            return SharedBottom(width_in, tasks, settings)
        case MMoE.Settings():
            return MMoE(width_in, tasks, settings)
        case PLE.Settings():
            return PLE(width_in, tasks, settings)
