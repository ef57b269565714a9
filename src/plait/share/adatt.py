"""Experts of each task, in levels, and on every level a fusion of what is a task's own with what is everybody's."""

from collections.abc import Sequence
from typing import Literal, final

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn

from plait.share.bank import bank
from plait.share.base import Inputs, Sharing, SharingSettings
from plait.share.expert import Gate, cast_once, layers, listed, mean_gate, mix
from plait.share.parting import alias, part, part_mixture

__all__ = ["AdaTT"]


@final
class AdaTT(Sharing):
    """Fuse, level by level, a task's own experts with those of all tasks.

        x_t^l = sum over e in own(t) of v_te^l f_e^l + sum over all e of g_t^l(x_t^{l-1})_e f_e^l

    An expert of task t reads x_t^{l-1}, on the first level x. The first sum is what the task keeps whatever the gates do
    (the residual): v are learned numbers that start as a mean, and 1 where a task has one expert. The gates g are softmaxes
    over the experts of all tasks. Shared experts, where there are any, are the own experts of one more reader, which has no
    fusion on the last level.

    Args:
        width_in: D.
        tasks: T.
        settings: levels and experts.

    References:
        Li et al.: AdaTT: Adaptive Task-to-Task Fusion Network, KDD 2023, https://doi.org/10.1145/3580305.3599769.

    Relations:
        In `PLE` a task reads its own experts and the shared ones; here it reads those of every other task too, so that all
        are run whichever tasks are asked for. The paper starts v at random.
    """

    class Settings(SharingSettings):
        """Experts of each task, fused task to task, in levels."""

        kind: Literal["adatt"] = "adatt"
        levels: int = Field(default=2, ge=1)
        """How often experts are fused."""
        task_experts: int = Field(default=2, ge=1)
        """Experts per level and task."""
        shared_experts: int = Field(default=0, ge=0)
        """Experts per level that are no task's."""
        expert: list[int] = Field(default=[256, 128], min_length=1)
        """Layer widths of one expert."""
        dropout: float = Field(default=0.0, ge=0, lt=1)
        """Share of activations left out in training."""
        gate_dropout: float = Field(default=0.0, ge=0, lt=1)
        """Share of (example, expert) pairs that a gate leaves out in training."""

        def build(self, inputs: Inputs, tasks: int) -> Sharing:
            """Build the body."""
            return AdaTT(inputs.width, tasks, self)

    def __init__(self, width_in: int, tasks: int, settings: Settings) -> None:
        super().__init__()
        self.width = settings.expert[-1]
        widths = [width_in] + [self.width] * (settings.levels - 1)
        self.levels = nn.ModuleList(
            _Level(width, tasks, settings, last=number == settings.levels - 1) for number, width in enumerate(widths)
        )

    def forward(
        self, x: Float[Tensor, "views B D"], tasks: Sequence[int], domains: Int[Tensor, "B"] | None = None
    ) -> Float[Tensor, "t B H"]:
        """Run all experts; on the last level only the fusions of the tasks that are asked for."""
        return self._run(cast_once(x[0]), tasks, {})

    @torch.no_grad()
    def gates(self, x: Float[Tensor, "views B D"], tasks: Sequence[int]) -> dict[str, Float[Tensor, "t E"]]:
        """Average each task's gate per level, without the residual: the experts of task after task, then the shared."""
        found: dict[str, Tensor] = {}
        self._run(x[0], tasks, found)
        return found

    def own(self, task: int) -> list[nn.Parameter]:
        """Return the task's fusion on the last level; its experts are read by all tasks."""
        last = self._level(len(self.levels) - 1)
        return [*last.gates[task].parameters(), *([last.residuals[task]] if len(last.residuals) else [])]

    def _level(self, number: int) -> "_Level":
        level = self.levels[number]
        assert isinstance(level, _Level)
        return level

    def _run(self, x: Float[Tensor, "B D"], tasks: Sequence[int], gates: dict[str, Tensor]) -> Float[Tensor, "t B H"]:
        """Run the levels, leaving the mean gates of `tasks` in `gates`."""
        last = self._level(len(self.levels) - 1)
        read = [x] * len(last.experts)
        for number in range(len(self.levels) - 1):
            level = self._level(number)
            weights = [level.gate(reader, each) for reader, each in enumerate(read)]
            read = list(mix(level.run(read), level.weights(weights, range(len(read)))))
            gates[f"level {number + 1}"] = torch.stack([mean_gate(weights[task]) for task in tasks])
        # The tasks part at the outputs of the last level's experts and at what their gates read.
        asked = [part(alias(x))] * len(tasks) if len(self.levels) == 1 else [part(alias(read[task])) for task in tasks]
        weights = [last.gate(task, each) for task, each in zip(tasks, asked, strict=True)]
        gates[f"level {len(self.levels)}"] = torch.stack([mean_gate(weight) for weight in weights])
        experts, fused = part(last.run(read)), last.weights(weights, tasks)
        return part_mixture(mix(experts, fused), experts, fused, tasks)


class _Level(nn.Module):
    """One level: the experts of each reader (the tasks, and the shared one), and the fusions."""

    def __init__(self, width: int, tasks: int, settings: AdaTT.Settings, last: bool) -> None:
        super().__init__()
        self.counts = [settings.task_experts] * tasks + [settings.shared_experts] * (settings.shared_experts > 0)
        self.experts = nn.ModuleList(
            nn.ModuleList(layers(width, settings.expert, settings.dropout) for _ in range(count)) for count in self.counts
        )
        fused = self.counts[:tasks] if last else self.counts
        self.gates = nn.ModuleList(Gate(width, sum(self.counts), settings.gate_dropout) for _ in fused)
        single = all(count == 1 for count in self.counts)
        self.residuals = nn.ParameterList(nn.Parameter(torch.full((count,), 1 / count)) for count in fused if not single)

    def run(self, read: Sequence[Float[Tensor, "B d"]]) -> Float[Tensor, "B E H"]:
        """Run all experts of all readers."""
        return torch.cat([bank(listed(experts), each) for experts, each in zip(self.experts, read, strict=True)], dim=1)

    def gate(self, reader: int, x: Float[Tensor, "B d"]) -> Float[Tensor, "B E"]:
        """Weigh the experts for one reader."""
        weights: Tensor = self.gates[reader](x)
        return weights

    def weights(self, gates: Sequence[Float[Tensor, "B E"]], readers: Sequence[int]) -> Float[Tensor, "B t E"]:
        """Return what some readers take of every expert: by the gate, and of its own once more by the residual."""
        return torch.stack([self._with_residual(r, gate) for r, gate in zip(readers, gates, strict=True)], dim=1)

    def _with_residual(self, reader: int, gate: Float[Tensor, "B E"]) -> Float[Tensor, "B E"]:
        """Add what a reader takes of its own experts whatever its gate says."""
        count, before = self.counts[reader], sum(self.counts[:reader])
        own = self.residuals[reader] if len(self.residuals) else gate.new_ones(count)
        return gate + nn.functional.pad(own, (before, sum(self.counts) - before - count))
