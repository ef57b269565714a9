"""Nothing shared but the embeddings: one network per task."""

from collections.abc import Sequence
from typing import Literal, final

from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn

from plait.share.base import Inputs, Sharing, SharingSettings
from plait.share.expert import cast_once, layers
from plait.share.parting import alias, join, part

__all__ = ["Separate"]


@final
class Separate(Sharing):
    """Give every task a network of its own over the shared row vectors: h_t = f_t(x).

    The cost grows with the number of tasks; what is learned together are the embeddings.

    Args:
        width_in: D.
        tasks: T.
        settings: the layers.
    """

    class Settings(SharingSettings):
        """One network per task."""

        kind: Literal["separate"] = "separate"
        layers: list[int] = Field(default=[256, 128], min_length=1)
        """Layer widths of each task's network."""
        dropout: float = Field(default=0.0, ge=0, lt=1)
        """Share of activations left out in training."""

        def build(self, inputs: Inputs, tasks: int) -> Sharing:
            """Build the body."""
            return Separate(inputs.width, tasks, self)

    def __init__(self, width_in: int, tasks: int, settings: Settings) -> None:
        super().__init__()
        self.width = settings.layers[-1]
        self.networks = nn.ModuleList(layers(width_in, settings.layers, settings.dropout) for _ in range(tasks))

    def forward(
        self, x: Float[Tensor, "views B D"], tasks: Sequence[int], domains: Int[Tensor, "B"] | None = None
    ) -> Float[Tensor, "t B H"]:
        """Run the networks of the tasks that are asked for."""
        joint = part(alias(cast_once(x[0])))
        return join([self.networks[task](joint) for task in tasks])

    def own(self, task: int) -> list[nn.Parameter]:
        """Return the task's network."""
        return list(self.networks[task].parameters())
