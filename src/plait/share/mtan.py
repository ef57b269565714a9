"""A shared network, and for each task an attention that picks features from every layer of it."""

import math
from collections.abc import Sequence
from typing import Literal, final

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn

from plait.share.base import Inputs, Sharing, SharingSettings
from plait.share.expert import cast_once, layers, listed
from plait.share.parting import alias, join, part

__all__ = ["MTAN"]


@final
class MTAN(Sharing):
    """Mask the features of a shared network per task, layer by layer.

        p^l = relu(W^l p^{l-1} + b^l)
        m_t^l = sigmoid(V_t^l relu(U_t^l [p^l; a_t^{l-1}])),    a_t^l = m_t^l * p^l

    with p^l the shared features and a_t^l those that task t attends to; the first attention reads p^1 alone. The vector of a
    task is its last a. V starts small, so that every mask starts near one half and tasks start nearly alike.

    Args:
        width_in: D.
        tasks: T.
        settings: the layers and the attention.

    References:
        Liu, Johns, Davison: End-to-End Multi-Task Learning with Attention, CVPR 2019, https://arxiv.org/abs/1803.10704.

    Relations:
        The paper has images: convolutions between the attentions, batch normalisation in them. Here features are vectors, a
        layer needs nothing in between, and an example does not depend on its batch. `SharedBottom` is what remains without
        masks; prefer `MMoE` where examples, and not features, decide what helps a task.
    """

    class Settings(SharingSettings):
        """A shared network, masked per task."""

        kind: Literal["mtan"] = "mtan"
        layers: list[int] = Field(default=[256, 128], min_length=1)
        """Layer widths of the shared network."""
        attention: int = Field(default=32, ge=1)
        """Width of the hidden layer of each attention."""
        dropout: float = Field(default=0.0, ge=0, lt=1)
        """Share of the shared network's activations left out in training."""

        def build(self, inputs: Inputs, tasks: int) -> Sharing:
            """Build the body."""
            return MTAN(inputs.width, tasks, self)

    def __init__(self, width_in: int, tasks: int, settings: Settings) -> None:
        super().__init__()
        self.width = settings.layers[-1]
        widths = [width_in, *settings.layers]
        self.network = nn.ModuleList(
            layers(before, [after], settings.dropout) for before, after in zip(widths, settings.layers, strict=False)
        )
        attended = [0, *settings.layers]
        # A loop over the tasks: the backward pass of one task's loss leaves the attentions of the others alone.
        self.attentions = nn.ModuleList(
            nn.ModuleList(
                _attention(width + before, settings.attention, width)
                for before, width in zip(attended, settings.layers, strict=False)
            )
            for _ in range(tasks)
        )

    def forward(
        self, x: Float[Tensor, "views B D"], tasks: Sequence[int], domains: Int[Tensor, "B"] | None = None
    ) -> Float[Tensor, "t B H"]:
        """Run the shared network once, and the attentions of the tasks that are asked for."""
        shared = cast_once(x[0])
        read: list[Tensor] = []
        for layer in self.network:
            shared = layer(shared)
            read.append(part(alias(shared)))
        return join([self._attend(task, read) for task in tasks])

    def own(self, task: int) -> list[nn.Parameter]:
        """Return the task's attentions."""
        return list(self.attentions[task].parameters())

    def _attend(self, task: int, read: Sequence[Float[Tensor, "B _"]]) -> Float[Tensor, "B H"]:
        attentions = listed(self.attentions[task])
        attended: Tensor | None = None
        for features, attention in zip(read, attentions, strict=True):
            mask: Tensor = attention(features if attended is None else torch.cat([features, attended], dim=1))
            attended = torch.sigmoid(mask) * features
        assert attended is not None
        return attended


def _attention(width_in: int, hidden: int, width: int) -> nn.Sequential:
    """Build one attention up to its sigmoid."""
    last = nn.Linear(hidden, width)
    nn.init.normal_(last.weight, std=0.1 / math.sqrt(hidden))
    nn.init.zeros_(last.bias)
    return nn.Sequential(*layers(width_in, [hidden], 0.0), last)
