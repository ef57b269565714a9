"""One network for all tasks, and for each task a correction of low rank to every layer of it."""

import math
from collections.abc import Sequence
from typing import Literal, final

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn

from plait.share.base import Inputs, Sharing, SharingSettings
from plait.share.expert import cast_once, drawn
from plait.share.parting import alias, join, part

__all__ = ["Adapters"]


@final
class Adapters(Sharing):
    """Let every task bend a shared network a little.

        h_t^l = relu(W^l h_t^{l-1} + b^l + B_t^l A_t^l h_t^{l-1}),    h_t^0 = x

    with W, b shared, A `[r, in]` and B `[out, r]` the task's own. B starts at zero, so that all tasks start as one. The sum
    W + B A is never laid out: a task costs r (in + out) more weights and products a layer. W x of the first layer, most of
    the work where the input is wide, is computed once for all tasks.

    Args:
        width_in: D.
        tasks: T.
        settings: the layers and the rank.

    References:
        Hu et al.: LoRA: Low-Rank Adaptation of Large Language Models, ICLR 2022, https://arxiv.org/abs/2106.09685;
        Agiza et al.: MTLoRA, CVPR 2024, https://arxiv.org/abs/2403.20320 (per task, beside a shared network).

    Relations:
        There the network is given and only A and B learn; here all learn together, and no factor scales B A. Prefer it to
        `PLE` where there are many tasks, of which each has few labels.
    """

    class Settings(SharingSettings):
        """A shared network, with a low-rank correction per task."""

        kind: Literal["adapters"] = "adapters"
        layers: list[int] = Field(default=[256, 128], min_length=1)
        """Layer widths of the shared network."""
        rank: int = Field(default=8, ge=1)
        """r, the rank of a task's correction to one layer."""
        dropout: float = Field(default=0.0, ge=0, lt=1)
        """Share of activations left out in training."""

        def build(self, inputs: Inputs, tasks: int) -> Sharing:
            """Build the body."""
            return Adapters(inputs.width, tasks, self)

    def __init__(self, width_in: int, tasks: int, settings: Settings) -> None:
        super().__init__()
        self.width, self.dropout = settings.layers[-1], settings.dropout
        widths = [width_in, *settings.layers]
        sizes = list(zip(widths, settings.layers, strict=False))
        self.network = nn.ModuleList(drawn(before, after) for before, after in sizes)
        # A loop over the tasks: measured faster than batched products in fp32 (by 1.2) and slower in bf16 (by 1.2), and the
        # backward pass of one task's loss leaves the layers of the others alone.
        self.down = nn.ModuleList(
            nn.ParameterList(nn.Parameter(_down(settings.rank, before)) for before, _ in sizes) for _ in range(tasks)
        )
        self.up = nn.ModuleList(
            nn.ParameterList(nn.Parameter(torch.zeros(after, settings.rank)) for _, after in sizes) for _ in range(tasks)
        )

    def forward(
        self, x: Float[Tensor, "views B D"], tasks: Sequence[int], domains: Int[Tensor, "B"] | None = None
    ) -> Float[Tensor, "t B H"]:
        """Run the first layer once, and everything else for the tasks that are asked for."""
        joint = cast_once(x[0])
        first: Tensor = part(self.network[0](joint))
        read = part(alias(joint))
        return join([self._bend(task, read, first) for task in tasks])

    def own(self, task: int) -> list[nn.Parameter]:
        """Return the task's corrections."""
        return [*self.down[task].parameters(), *self.up[task].parameters()]

    def _bend(self, task: int, read: Float[Tensor, "B D"], first: Float[Tensor, "B d"]) -> Float[Tensor, "B H"]:
        down, up = self.down[task], self.up[task]
        assert isinstance(down, nn.ParameterList)
        assert isinstance(up, nn.ParameterList)
        hidden = read
        for number, layer in enumerate(self.network):
            straight = layer(hidden) if number else first
            low = nn.functional.linear(hidden, down[number])
            hidden = torch.relu(straight + nn.functional.linear(low, up[number]))
            hidden = nn.functional.dropout(hidden, self.dropout, self.training)
        return hidden


def _down(rank: int, width: int) -> Float[Tensor, "r d"]:
    """Draw A so that A x is as large as x."""
    return torch.randn(rank, width) / math.sqrt(width)
