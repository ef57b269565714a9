"""Embeddings, and not only experts, that all tasks share and that each task keeps for itself."""

from collections.abc import Sequence
from typing import Literal, final

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn

from plait.share.base import Inputs, Sharing, SharingSettings
from plait.share.expert import Gate, cast_once, layers, listed, mean_gate, mixture
from plait.share.parting import alias, join, part

__all__ = ["STEM"]


@final
class STEM(Sharing):
    """Give each task embeddings and experts of its own beside the shared ones; read all, teach only one's own.

        h_t = sum_{e of t} g_te f_e(x_t) + sum_{e shared} g_te f_e(x_0) + sum_{s != t} sum_{e of s} g_te stop(f_e(x_s))
        g_t = softmax(W_t (x_t + x_0) + b_t)

    with x_0 the shared view of the input, x_t the view of task t, and stop(.) letting no gradient through: the gate of a
    task weighs every expert, and what the task has to teach reaches its own experts and embeddings and the shared ones.
    Whether two tasks agree on a user or an item is then decided per id: an embedding that all share cannot tell them apart.

    Args:
        width_in: D.
        tasks: T.
        settings: the experts.

    References:
        Su et al.: STEM: Unleashing the Power of Embeddings for Multi-task Recommendation, AAAI 2024,
        https://arxiv.org/abs/2308.13537.

    Relations:
        `PLE` parts the experts and shares every embedding: T + 1 times less memory for ids. Prefer `STEM` where tasks
        contradict each other about the same ids. What is no id or category (numbers, texts, histories) is the same in all
        views.

    Notes:
        The paper's release stacks several such levels; this is one. Another task's experts run whichever tasks are asked
        for, since all gates read them; without a graph where that task is not.
    """

    class Settings(SharingSettings):
        """Shared and task-specific embeddings and experts; gradients stay at home."""

        kind: Literal["stem"] = "stem"
        shared_experts: int = Field(default=2, ge=1)
        """Experts on the shared embeddings."""
        task_experts: int = Field(default=1, ge=1)
        """Experts on the embeddings of each task."""
        expert: list[int] = Field(default=[256, 128], min_length=1)
        """Layer widths of one expert."""
        dropout: float = Field(default=0.0, ge=0, lt=1)
        """Share of activations left out in training."""
        gate_dropout: float = Field(default=0.0, ge=0, lt=1)
        """Share of (example, expert) pairs that a gate leaves out in training."""

        def views(self, tasks: int) -> int:
            """Return one embedding per task and a shared one."""
            return tasks + 1

        def build(self, inputs: Inputs, tasks: int) -> Sharing:
            """Build the body."""
            return STEM(inputs.width, tasks, self)

    def __init__(self, width_in: int, tasks: int, settings: Settings) -> None:
        super().__init__()
        self.views = settings.views(tasks)
        self.width = settings.expert[-1]
        self.each = settings.task_experts

        def experts(count: int) -> nn.ModuleList:
            return nn.ModuleList(layers(width_in, settings.expert, settings.dropout) for _ in range(count))

        self.shared_experts = experts(settings.shared_experts)
        self.task_experts = nn.ModuleList(experts(settings.task_experts) for _ in range(tasks))
        count = tasks * settings.task_experts + settings.shared_experts
        self.gate = nn.ModuleList(Gate(width_in, count, settings.gate_dropout) for _ in range(tasks))

    def forward(
        self, x: Float[Tensor, "views B D"], tasks: Sequence[int], domains: Int[Tensor, "B"] | None = None
    ) -> Float[Tensor, "t B H"]:
        """Run the experts of all tasks, those of the tasks that are asked for with gradient, and mix."""
        views = [cast_once(view) for view in x]
        common = [part(expert(views[0])) for expert in self.shared_experts]
        shared = part(alias(views[0]))
        read = {task: part(alias(views[task + 1])) for task in tasks}
        own = {task: [expert(read[task]) for expert in listed(self.task_experts[task])] for task in tasks}
        stopped = [each for task in range(len(self.task_experts)) for each in self._stopped(task, views, own.get(task))]
        gates = [self.gate[task](read[task] + shared) for task in tasks]
        of_own = [
            mixture(own[task], [gate[:, task * self.each : (task + 1) * self.each]])[0]
            for task, gate in zip(tasks, gates, strict=True)
        ]
        others = [_without(gate, task * self.each, self.each) for task, gate in zip(tasks, gates, strict=True)]
        of_rest = mixture([*stopped, *common], others)
        return join([mine + rest for mine, rest in zip(of_own, of_rest, strict=True)])

    @torch.no_grad()
    def gates(self, x: Float[Tensor, "views B D"], tasks: Sequence[int]) -> dict[str, Float[Tensor, "t E"]]:
        """Average each task's gate over the batch: the experts of the first task, of the second, …, the shared ones."""
        return {"experts": torch.stack([mean_gate(self.gate[task](x[task + 1] + x[0])) for task in tasks])}

    def own(self, task: int) -> list[nn.Parameter]:
        """Return the task's gate and its experts, which all read and only it moves."""
        return [*self.gate[task].parameters(), *self.task_experts[task].parameters()]

    def private(self, task: int) -> list[nn.Parameter]:
        """Return the task's gate."""
        return list(self.gate[task].parameters())

    def _stopped(self, task: int, views: Sequence[Tensor], own: Sequence[Tensor] | None) -> list[Tensor]:
        """Return what a task's experts say, without a way back."""
        if own is not None:
            return [each.detach() for each in own]
        with torch.no_grad():
            return [expert(views[task + 1]) for expert in listed(self.task_experts[task])]


def _without(gate: Float[Tensor, "B E"], start: int, count: int) -> Float[Tensor, "B E"]:
    """Return a gate with the weights of some experts at zero."""
    keep = torch.ones(gate.shape[1], dtype=torch.bool, device=gate.device)
    keep[start : start + count] = False
    return gate * keep
