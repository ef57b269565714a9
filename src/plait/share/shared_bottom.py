"""One network that all tasks read."""

from collections.abc import Sequence
from typing import Literal, final

from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor

from plait.share.base import Inputs, Sharing, SharingSettings
from plait.share.expert import cast_once, layers
from plait.share.parting import part

__all__ = ["SharedBottom"]


@final
class SharedBottom(Sharing):
    """Give every task the same vector: h_t = f(x).

    The cheapest body, and the one in which unrelated tasks hurt each other most.

    Args:
        width_in: D.
        tasks: T.
        settings: the layers.

    References:
        Caruana: Multitask Learning, Machine Learning 28, 1997, https://doi.org/10.1023/A:1007379606734.
    """

    class Settings(SharingSettings):
        """One network for all tasks."""

        kind: Literal["shared_bottom"] = "shared_bottom"
        layers: list[int] = Field(default=[256, 128], min_length=1)
        """Layer widths."""
        dropout: float = Field(default=0.0, ge=0, lt=1)
        """Share of activations left out in training."""

        def build(self, inputs: Inputs, tasks: int) -> Sharing:
            """Build the body."""
            return SharedBottom(inputs.width, tasks, self)

    def __init__(self, width_in: int, tasks: int, settings: Settings) -> None:
        super().__init__()
        self.tasks = tasks
        self.width = settings.layers[-1]
        self.network = layers(width_in, settings.layers, settings.dropout)

    def forward(
        self, x: Float[Tensor, "views B D"], tasks: Sequence[int], domains: Int[Tensor, "B"] | None = None
    ) -> Float[Tensor, "t B H"]:
        """Run the network once; the tasks get views of one result."""
        shared: Tensor = self.network(cast_once(x[0]))
        return part(shared).expand(len(tasks), -1, -1)
