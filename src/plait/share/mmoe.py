"""Experts that all tasks read, each task with a gate of its own."""

from collections.abc import Sequence
from typing import Literal, final

import torch
from jaxtyping import Float, Int
from pydantic import Field, model_validator
from torch import Tensor, nn

from plait.share.bank import bank
from plait.share.base import Inputs, Sharing, SharingSettings
from plait.share.dselect_k import DSelectK
from plait.share.expert import cast_once, layers, mean_gate, mix, normalised, weigh
from plait.share.gates import AnyGate, OneGate, SoftmaxGates, build_gates
from plait.share.parting import alias, part, part_mixture

__all__ = ["MMoE"]


@final
class MMoE(Sharing):
    """Mix experts per example and task.

        h_t = sum_e g_t(x)_e f_e(x),    g_t(x) = softmax(W_t x + b_t)

    with f_e the experts (networks of equal size) and g_t the gate of task t. Gates start uniform, so that every expert
    learns from every task before the tasks part. With `gate: one` all tasks share one gate (OMoE), and so one vector; with
    `gate: dselect_k` each ends on a few experts, and in evaluation an expert that no wanted task reads is not run.

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
        gate: AnyGate = SoftmaxGates()
        """How tasks choose among the experts."""
        dropout: float = Field(default=0.0, ge=0, lt=1)
        """Share of activations left out in training."""
        gate_dropout: float = Field(default=0.0, ge=0, lt=1)
        """Share of (example, expert) pairs that a gate leaves out in training; not for `dselect_k`."""
        normalise: bool = False
        """End experts in a normalisation and swish in place of ReLU, so that all speak equally loud; a slower step."""

        @model_validator(mode="after")
        def _fits_the_gate(self) -> "MMoE.Settings":
            if isinstance(self.gate, DSelectK.Settings) and self.gate.selectors > self.experts:
                raise ValueError(
                    f"`gate.selectors` should be at most `experts`, which is {self.experts}, since a task cannot choose "
                    f"more. Found {self.gate.selectors}."
                )
            if isinstance(self.gate, DSelectK.Settings) and self.gate_dropout:
                raise ValueError(
                    "`gate_dropout` should be 0 with `gate: dselect_k`, which decides for itself what it leaves out. "
                    f"Found {self.gate_dropout}."
                )
            return self

        def build(self, inputs: Inputs, tasks: int) -> Sharing:
            """Build the body."""
            return MMoE(inputs.width, tasks, self)

    def __init__(self, width_in: int, tasks: int, settings: Settings) -> None:
        super().__init__()
        self.width = settings.expert[-1]
        experts = [layers(width_in, settings.expert, settings.dropout) for _ in range(settings.experts)]
        self.experts = nn.ModuleList([normalised(expert) for expert in experts] if settings.normalise else experts)
        self.gate = build_gates(settings.gate, width_in, settings.experts, tasks, settings.gate_dropout)
        self.one = isinstance(settings.gate, OneGate)
        self.sparse = isinstance(settings.gate, DSelectK.Settings)

    def forward(
        self, x: Float[Tensor, "views B D"], tasks: Sequence[int], domains: Int[Tensor, "B"] | None = None
    ) -> Float[Tensor, "t B H"]:
        """Run the experts once and mix them for the tasks that are asked for."""
        joint = cast_once(x.squeeze(0))
        if self.one:
            shared = mix(bank(self.experts, joint), weigh(self.gate, joint))[0]
            return part(shared).expand(len(tasks), -1, -1)
        weights = weigh([self.gate[task] for task in tasks], part(alias(joint)))
        if self.sparse and not self.training and not joint.is_meta and not torch.compiler.is_exporting():
            run = (weights > 0).any(0).any(0).nonzero().flatten().tolist() or [0]
            return mix(part(bank([self.experts[number] for number in run], joint)), weights[:, :, run])
        experts = part(bank(self.experts, joint))
        return part_mixture(mix(experts, weights), experts, weights, tasks)

    @torch.no_grad()
    def gates(self, x: Float[Tensor, "views B D"], tasks: Sequence[int]) -> dict[str, Float[Tensor, "t E"]]:
        """Average each task's gate over the batch; exactly 0 for an expert that `dselect_k` has left out."""
        return {"experts": torch.stack([mean_gate(self._gate(task)(x[0])) for task in tasks])}

    def own(self, task: int) -> list[nn.Parameter]:
        """Return the task's gate; nothing where all tasks have one gate."""
        return [] if self.one else list(self.gate[task].parameters())

    def penalty(self) -> Float[Tensor, ""] | None:
        """Return the entropy of the selectors of `dselect_k`."""
        added = [term for gate in self.gate if isinstance(gate, DSelectK) for term in gate.penalty()]
        return torch.stack(added).sum() if added else None

    def _gate(self, task: int) -> nn.Module:
        return self.gate[0 if self.one else task]
