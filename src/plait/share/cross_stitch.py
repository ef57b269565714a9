"""A tower per task, and after every layer a learned mix of all towers."""

from collections.abc import Sequence
from typing import Literal, final

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn

from plait.share.base import Inputs, Sharing, SharingSettings
from plait.share.expert import cast_once, layers, listed
from plait.share.parting import part

__all__ = ["CrossStitch"]


@final
class CrossStitch(Sharing):
    """Let every task's tower take what it wants of the others, layer by layer.

        a_t^l = relu(W_t^l x_t^{l-1} + b_t^l),    x_t^l = sum_s A_ts^l a_s^l

    with A^l a learned number per pair of tasks, or per pair and channel, and x^0 the input of all. It starts with `own` on
    the diagonal and the rest of 1 spread evenly over the other towers. The vector of a task is its mix after the last layer.

    Args:
        width_in: D.
        tasks: T.
        settings: the layers and the mix.

    References:
        Misra et al.: Cross-stitch Networks for Multi-task Learning, CVPR 2016, https://arxiv.org/abs/1604.03539.

    Relations:
        All towers are run whichever tasks are asked for, and what is shared is the same for every example; `MMoE` chooses
        per example, and `Separate` is what remains where every A is the identity.
    """

    class Settings(SharingSettings):
        """A tower per task, mixed after every layer."""

        kind: Literal["cross_stitch"] = "cross_stitch"
        layers: list[int] = Field(default=[256, 128], min_length=1)
        """Layer widths of each task's tower."""
        own: float = Field(default=0.9, ge=0, le=1)
        """How much of its own tower a task takes at the start; the rest of 1 comes from the others."""
        channels: bool = False
        """Whether each channel is mixed with numbers of its own."""
        dropout: float = Field(default=0.0, ge=0, lt=1)
        """Share of activations left out in training."""

        def build(self, inputs: Inputs, tasks: int) -> Sharing:
            """Build the body."""
            return CrossStitch(inputs.width, tasks, self)

    def __init__(self, width_in: int, tasks: int, settings: Settings) -> None:
        super().__init__()
        self.width = settings.layers[-1]
        widths = [width_in, *settings.layers]
        # A loop over plain layers: measured as fast as one batched product, in fp32 and in bf16, forward and backward.
        self.towers = nn.ModuleList(
            nn.ModuleList(layers(before, [after], settings.dropout) for _ in range(tasks))
            for before, after in zip(widths, settings.layers, strict=False)
        )
        # A row per task, since the rows of the last layer are the tasks' own.
        self.mixes = nn.ModuleList(
            _rows(tasks, width if settings.channels else 1, settings.own) for width in settings.layers
        )

    def forward(
        self, x: Float[Tensor, "views B D"], tasks: Sequence[int], domains: Int[Tensor, "B"] | None = None
    ) -> Float[Tensor, "t B H"]:
        """Run all towers, and the last mix for the tasks that are asked for."""
        read: Sequence[Tensor] = [cast_once(x[0])] * len(self._rows_of(0))
        last = len(self.mixes) - 1
        for number in range(last):
            read = list(_mix(self._activations(number, read), list(self._rows_of(number))))
        rows = self._rows_of(last)
        return _mix(part(self._activations(last, read)), [rows[task] for task in tasks])

    def own(self, task: int) -> list[nn.Parameter]:
        """Return what the task takes of each tower after the last layer; everything below feeds all tasks."""
        return [self._rows_of(len(self.mixes) - 1)[task]]

    def _activations(self, number: int, read: Sequence[Float[Tensor, "B d"]]) -> Float[Tensor, "T B H"]:
        towers = listed(self.towers[number])
        return torch.stack([tower(each) for tower, each in zip(towers, read, strict=True)])

    def _rows_of(self, number: int) -> nn.ParameterList:
        rows = self.mixes[number]
        assert isinstance(rows, nn.ParameterList)
        return rows


def _rows(tasks: int, channels: int, own: float) -> nn.ParameterList:
    """Return for each task what it takes of each tower, `[T, channels]`."""
    others = (1 - own) / max(1, tasks - 1)
    start = torch.full((tasks, tasks), others).fill_diagonal_(own if tasks > 1 else 1.0)
    return nn.ParameterList(nn.Parameter(row[:, None].repeat(1, channels)) for row in start)


def _mix(activations: Float[Tensor, "T B H"], rows: Sequence[Float[Tensor, "T c"]]) -> Float[Tensor, "t B H"]:
    """Mix the towers for each row of numbers."""
    if rows[0].shape[1] == 1:
        mix = torch.cat(list(rows), dim=1).T.to(activations.dtype)
        return torch.mm(mix, activations.flatten(1)).view(len(rows), *activations.shape[1:])
    return torch.stack([(row[:, None].to(activations.dtype) * activations).sum(0) for row in rows])
