"""Shared experts and experts of each task, in levels."""

from collections.abc import Sequence
from typing import Literal, final

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn

from plait.share.base import Inputs, Sharing, SharingSettings
from plait.share.expert import Gate, cast_once, layers, listed, mean_gate, mixture
from plait.share.parting import alias, join, part

__all__ = ["PLE"]


@final
class PLE(Sharing):
    """Part what is common from what is a task's own, level by level.

        x_t^l = sum over e in own(t) + shared of g_t^l(x_t^{l-1})_e f_e^l(.)
        x_s^l = sum over all experts e of g_s^l(x_s^{l-1})_e f_e^l(.)

    An expert of task t reads x_t^{l-1}, a shared one x_s^{l-1}; on the first level all read x. The last level has no shared
    output. With one level this is CGC of the same paper.

    Args:
        width_in: D.
        tasks: T.
        settings: levels and experts.

    References:
        Tang et al.: Progressive Layered Extraction (PLE), RecSys 2020, https://doi.org/10.1145/3383313.3412236.

    Relations:
        With several levels every task's lower experts are computed whichever tasks are asked for, since the shared output
        reads them; `MMoE` is cheaper where there are many tasks.
    """

    class Settings(SharingSettings):
        """Shared experts and experts of each task, in levels."""

        kind: Literal["ple"] = "ple"
        levels: int = Field(default=2, ge=1)
        """How often parting is repeated."""
        shared_experts: int = Field(default=4, ge=1)
        """Experts per level that all tasks read."""
        task_experts: int = Field(default=2, ge=1)
        """Experts per level and task that only the task reads."""
        expert: list[int] = Field(default=[256, 128], min_length=1)
        """Layer widths of one expert."""
        dropout: float = Field(default=0.0, ge=0, lt=1)
        """Share of activations left out in training."""
        gate_dropout: float = Field(default=0.0, ge=0, lt=1)
        """Share of (example, expert) pairs that a gate leaves out in training."""

        def build(self, inputs: Inputs, tasks: int) -> Sharing:
            """Build the body."""
            return PLE(inputs.width, tasks, self)

    def __init__(self, width_in: int, tasks: int, settings: Settings) -> None:
        super().__init__()
        self.width = settings.expert[-1]
        widths = [width_in] + [self.width] * (settings.levels - 1)
        self.levels = nn.ModuleList(
            _Level(width, tasks, settings, below=level, above=settings.levels - 1 - level)
            for level, width in enumerate(widths)
        )

    def forward(
        self, x: Float[Tensor, "views B D"], tasks: Sequence[int], domains: Int[Tensor, "B"] | None = None
    ) -> Float[Tensor, "t B H"]:
        """Run the levels; on the last only the experts of the tasks that are asked for."""
        return join(self._run(cast_once(x[0]), tasks, {}))

    @torch.no_grad()
    def gates(self, x: Float[Tensor, "views B D"], tasks: Sequence[int]) -> dict[str, Float[Tensor, "t E"]]:
        """Average each task's gate over the batch, per level: the task's own experts, then the shared ones."""
        found: dict[str, Tensor] = {}
        self._run(x[0], tasks, found)
        return found

    def own(self, task: int) -> list[nn.Parameter]:
        """Return the task's experts and gate on the last level, and the gate of the level before that feeds them.

        What lies below feeds the shared experts too.
        """
        last = self._level(len(self.levels) - 1)
        gates = [self._level(number).task_gates[task] for number in range(len(self.levels))][-2:]
        return [*last.task_experts[task].parameters(), *(p for gate in gates for p in gate.parameters())]

    def _level(self, number: int) -> "_Level":
        level = self.levels[number]
        assert isinstance(level, _Level)
        return level

    def _run(self, x: Float[Tensor, "B D"], tasks: Sequence[int], gates: dict[str, Tensor]) -> list[Tensor]:
        """Run the levels, leaving the mean gates of `tasks` in `gates`."""
        last = self._level(len(self.levels) - 1)
        of_task, shared = [x] * len(last.task_experts), x
        for number in range(len(self.levels) - 1):
            level = self._level(number)
            of_task, next_shared, use = level(of_task, shared, range(len(of_task)))
            assert next_shared is not None
            shared = next_shared
            gates[f"level {number + 1}"] = torch.stack([use[task] for task in tasks])
        wanted, _, use = last([of_task[task] for task in tasks], shared, tasks)
        gates[f"level {len(self.levels)}"] = torch.stack(use)
        return wanted


class _Level(nn.Module):
    """One level: experts of each task, shared experts, and the gates over them."""

    def __init__(self, width: int, tasks: int, settings: PLE.Settings, below: int, above: int) -> None:
        super().__init__()
        self.below, self.above = below, above
        own, common = settings.task_experts, settings.shared_experts
        self.task_experts = nn.ModuleList(_experts(width, own, settings) for _ in range(tasks))
        self.shared_experts = _experts(width, common, settings)
        self.task_gates = nn.ModuleList(Gate(width, own + common, settings.gate_dropout) for _ in range(tasks))
        self.shared_gate = Gate(width, tasks * own + common, settings.gate_dropout) if above else None

    def __call__(
        self, of_task: Sequence[Tensor], shared: Tensor, tasks: Sequence[int]
    ) -> tuple[list[Tensor], Tensor | None, list[Tensor]]:
        return super().__call__(of_task, shared, tasks)  # type: ignore[no-any-return]

    def forward(
        self, of_task: Sequence[Tensor], shared: Tensor, tasks: Sequence[int]
    ) -> tuple[list[Tensor], Tensor | None, list[Tensor]]:
        """Return each task's vector, the shared vector unless this is the last level, and each task's mean gate."""
        common = [expert(shared) for expert in self.shared_experts]
        gated = [*of_task, shared]
        if not self.below:
            read = part(alias(shared))
            common = [part(expert) for expert in common]
            gated = [read] * len(gated)
            # On a single level a task's experts are its own: what it has in common with others ends at their input.
            of_task = of_task if self.above else [read] * len(of_task)
        own = [[expert(x) for expert in listed(self.task_experts[task])] for task, x in zip(tasks, of_task, strict=True)]
        if self.above and not self.below:
            own = [[part(expert) for expert in experts] for experts in own]
        gates = [_gate(self.task_gates[task])(x) for task, x in zip(tasks, gated, strict=False)]
        count = len(own[0])
        of_common = mixture(common, [gate[:, count:] for gate in gates])
        of_own = [mixture(experts, [gate[:, :count]])[0] for experts, gate in zip(own, gates, strict=True)]
        vectors = [mine + ours for mine, ours in zip(of_own, of_common, strict=True)]
        use = [mean_gate(gate) for gate in gates]
        if self.shared_gate is None:
            return vectors, None, use
        every = [expert for experts in own for expert in experts] + common
        return vectors, mixture(every, [self.shared_gate(gated[-1])])[0], use


def _experts(width: int, count: int, settings: PLE.Settings) -> nn.ModuleList:
    return nn.ModuleList(layers(width, settings.expert, settings.dropout) for _ in range(count))


def _gate(module: nn.Module) -> Gate:
    assert isinstance(module, Gate)
    return module
