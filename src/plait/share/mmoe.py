"""Experts that all tasks read, each task with a gate of its own."""

from collections.abc import Sequence
from typing import Literal, final

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn

from plait.share.base import Sharing, SharingSettings
from plait.share.expert import Gate, cast_once, layers, mean_gate, mixture
from plait.share.parting import alias, part

__all__ = ["MMoE"]


@final
class MMoE(Sharing):
    """Mix experts per example and task.

        h_t = sum_e g_t(x)_e f_e(x),    g_t(x) = softmax(W_t x + b_t)

    with f_e the experts (networks of equal size) and g_t the gate of task t. Gates start uniform, so that every expert
    learns from every task before the tasks part.

    Args:
        width_in: D.
        tasks: T.
        settings: the experts.

    References:
        Ma et al.: Modeling Task Relationships in Multi-task Learning with Multi-gate Mixture-of-Experts, KDD 2018,
        https://doi.org/10.1145/3219819.3220007.

    Relations:
        `PLE` keeps some experts for one task; prefer it where tasks hurt each other here.
    """

    class Settings(SharingSettings):
        """Shared experts, a gate per task."""

        kind: Literal["mmoe"] = "mmoe"
        experts: int = Field(default=8, ge=1)
        """How many experts."""
        expert: list[int] = Field(default=[256, 128], min_length=1)
        """Layer widths of one expert."""
        dropout: float = Field(default=0.0, ge=0, lt=1)
        """Share of activations left out in training."""
        gate_dropout: float = Field(default=0.0, ge=0, lt=1)
        """Share of (example, expert) pairs that a gate leaves out in training."""

    def __init__(self, width_in: int, tasks: int, settings: Settings) -> None:
        super().__init__()
        self.width = settings.expert[-1]
        # A loop over plain layers: measured faster than batched products forward and backward, whatever the precision.
        self.experts = nn.ModuleList(layers(width_in, settings.expert, settings.dropout) for _ in range(settings.experts))
        self.gate = nn.ModuleList(Gate(width_in, settings.experts, settings.gate_dropout) for _ in range(tasks))

    def forward(
        self, x: Float[Tensor, "views B D"], tasks: Sequence[int], domains: Int[Tensor, "B"] | None = None
    ) -> Float[Tensor, "t B H"]:
        """Run all experts once and mix them for the tasks that are asked for."""
        joint = cast_once(x[0])
        read = part(alias(joint))
        return mixture([part(expert(joint)) for expert in self.experts], [self.gate[task](read) for task in tasks])

    @torch.no_grad()
    def gates(self, x: Float[Tensor, "views B D"], tasks: Sequence[int]) -> dict[str, Float[Tensor, "t E"]]:
        """Average each task's gate over the batch."""
        return {"experts": torch.stack([mean_gate(self.gate[task](x[0])) for task in tasks])}

    def own(self, task: int) -> list[nn.Parameter]:
        """Return the task's gate."""
        return list(self.gate[task].parameters())
