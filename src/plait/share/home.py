"""A hierarchy of experts: for all, for a group of tasks, for one task; normalised, with gates on what each expert reads."""

from collections.abc import Sequence
from typing import Literal, final

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn

from plait.errors import nearest
from plait.share.base import Inputs, Sharing, SharingSettings
from plait.share.expert import Gate, cast_once, layers, listed, mean_gate, mixture, zeroed
from plait.share.parting import alias, join, part

__all__ = ["HoME"]


@final
class HoME(Sharing):
    """Mix experts in two levels, where a task reads only what is everybody's, its group's or its own.

    Level 1 makes one vector per group g and one for all, from meta experts that read the input x:

        z_g = sum_{e of g, shared} a_g(x)_e f_e(x) + sum_{e of g} s_g(x)_e f_e(x)
        z   = sum_{all e}          a(x)_e f_e(x)   + sum_{e shared} s(x)_e f_e(x)

    Level 2 makes the vector of task t of group g; its experts read z_t' = z (shared ones) or z_g (the group's, the task's):

        h_t = sum_{e of t, g, shared} a_t(z_g, z)_e f_e + sum_{e of t} s_t(z_g)_e f_e

    with a = softmax gates and s the *self gates* (softmax, or a sigmoid where there is one expert), which lead the gradient
    past the gates. Every expert is f_e(v) = swish(norm(MLP(v * m_e(v)))) with the *feature gate*
    m_e(v) = sum_l softmax(C v)_l 2 sigmoid(v A_l B_l), A_l and B_l of low rank, so that experts do not fight over inputs.
    Feature gates start at 1 and softmax gates uniform.

    Args:
        inputs: the joint input, with the tasks' names.
        tasks: T.
        settings: the groups and the experts.

    References:
        Wang et al.: HoME: Hierarchy of Multi-Gate Experts for Multi-Task Learning at Kuaishou, 2024,
        https://arxiv.org/abs/2408.05430.

    Relations:
        With one group and no gates on features it is close to `PLE`, which is cheaper. Prefer this where there are many
        tasks of a few kinds, or where the report shows dead experts.

    Notes:
        The paper normalises an expert's output over the batch; here each example's vector is normalised (layer
        normalisation), so that a prediction does not depend on the other rows and a batch of one is ordinary.
    """

    class Settings(SharingSettings):
        """Experts for all, for groups of tasks and for each task; normalised and gated."""

        kind: Literal["home"] = "home"
        groups: list[list[str]] = Field(default_factory=list)
        """Names of tasks that belong together; tasks in none of the groups form one more."""
        shared_experts: int = Field(default=2, ge=1)
        """Experts per level that all tasks read."""
        group_experts: int = Field(default=2, ge=1)
        """Experts per level and group that the tasks of the group read."""
        task_experts: int = Field(default=1, ge=1)
        """Experts of the second level that only one task reads."""
        meta: list[int] = Field(default=[256], min_length=1)
        """Layer widths of an expert of the first level."""
        expert: list[int] = Field(default=[128], min_length=1)
        """Layer widths of an expert of the second level."""
        feature_gates: int = Field(default=2, ge=0)
        """How many low-rank gates each expert mixes over what it reads; 0 for none."""
        rank: int = Field(default=8, ge=1)
        """Rank of each of them."""
        dropout: float = Field(default=0.0, ge=0, lt=1)
        """Share of activations left out in training."""
        gate_dropout: float = Field(default=0.0, ge=0, lt=1)
        """Share of (example, expert) pairs that a gate leaves out in training."""

        def problems(self, tasks: Sequence[str]) -> list[str]:
            """Return names that are of no task, and tasks that stand in several groups."""
            named = [name for group in self.groups for name in group]
            unknown = [name for name in dict.fromkeys(named) if name not in tasks]
            twice = [name for name in dict.fromkeys(named) if named.count(name) > 1]
            return [
                f"`model.sharing.groups` should name tasks of the recipe. Found `{name}`.{nearest(name, list(tasks))}"
                for name in unknown
            ] + [
                f"`model.sharing.groups` should hold each task once. Found `{name}` {named.count(name)} times."
                for name in twice
            ]

        def build(self, inputs: Inputs, tasks: int) -> Sharing:
            """Build the body."""
            return HoME(inputs, tasks, self)

    def __init__(self, inputs: Inputs, tasks: int, settings: Settings) -> None:
        super().__init__()
        self.width = settings.expert[-1]
        self.group_of = _groups(inputs.tasks, tasks, settings.groups)
        groups = max(self.group_of) + 1
        self.shared, self.each = settings.shared_experts, settings.group_experts
        first, middle = inputs.width, settings.meta[-1]
        self.meta_shared = _experts(settings.shared_experts, first, settings.meta, settings)
        self.meta_group = nn.ModuleList(_experts(self.each, first, settings.meta, settings) for _ in range(groups))
        self.meta_shared_gate = Gate(first, groups * self.each + self.shared, settings.gate_dropout)
        self.meta_shared_self = _SelfGate(first, self.shared)
        self.meta_gates = nn.ModuleList(Gate(first, self.each + self.shared, settings.gate_dropout) for _ in range(groups))
        self.meta_selves = nn.ModuleList(_SelfGate(first, self.each) for _ in range(groups))
        self.shared_experts = _experts(settings.shared_experts, middle, settings.expert, settings)
        self.group_experts = nn.ModuleList(_experts(self.each, middle, settings.expert, settings) for _ in range(groups))
        self.tasks = nn.ModuleList(_Task(middle, settings) for _ in range(tasks))

    def forward(
        self, x: Float[Tensor, "views B D"], tasks: Sequence[int], domains: Int[Tensor, "B"] | None = None
    ) -> Float[Tensor, "t B H"]:
        """Run all meta experts, then the experts of the tasks that are asked for."""
        return join(self._run(cast_once(x[0]), tasks, {}))

    @torch.no_grad()
    def gates(self, x: Float[Tensor, "views B D"], tasks: Sequence[int]) -> dict[str, Float[Tensor, "t E"]]:
        """Average over the batch the gate of the task's group and its own; own experts come first, shared ones last."""
        found: dict[str, Tensor] = {}
        self._run(x[0], tasks, found)
        return found

    def own(self, task: int) -> list[nn.Parameter]:
        """Return the task's experts and gates; where it is alone in its group, also what of the group no other reads."""
        own, group = [self.tasks[task]], self.group_of[task]
        if self.group_of.count(group) == 1:
            own += [self.group_experts[group], self.meta_gates[group], self.meta_selves[group]]
        return [parameter for module in own for parameter in module.parameters()]

    def _run(self, x: Float[Tensor, "B D"], tasks: Sequence[int], gates: dict[str, Tensor]) -> list[Tensor]:
        """Run both levels, leaving the mean gates of `tasks` in `gates`."""
        of_group, for_all, use = self._meta(x)
        gates["groups"] = torch.stack([use[self.group_of[task]] for task in tasks])
        common = [part(expert(for_all)) for expert in self.shared_experts]
        wanted = sorted({self.group_of[task] for task in tasks})
        of_groups = {g: [part(expert(of_group[g])) for expert in listed(self.group_experts[g])] for g in wanted}
        # What a task does with these for itself begins here, so its gradients end here.
        read_all = part(alias(for_all))
        read = {g: part(alias(of_group[g])) for g in wanted}
        vectors, means = [], []
        for task in tasks:
            module, group = self.tasks[task], self.group_of[task]
            assert isinstance(module, _Task)
            vector, gate = module(read[group], read_all, [*of_groups[group], *common])
            vectors.append(vector)
            means.append(mean_gate(gate))
        gates["tasks"] = torch.stack(means)
        return vectors

    def _meta(self, x: Float[Tensor, "B D"]) -> tuple[list[Tensor], Tensor, list[Tensor]]:
        """Return the vector of each group, that for all, and each group's mean gate."""
        shared = [expert(x) for expert in self.meta_shared]
        own = [[expert(x) for expert in listed(experts)] for experts in self.meta_group]
        gates = [gate(x) for gate in self.meta_gates]
        of_group = [
            mixture([*mine, *shared], [gate])[0] + mixture(mine, [self_gate(x)])[0]
            for mine, gate, self_gate in zip(own, gates, self.meta_selves, strict=True)
        ]
        every = [expert for experts in own for expert in experts] + shared
        for_all = mixture(every, [self.meta_shared_gate(x)])[0] + mixture(shared, [self.meta_shared_self(x)])[0]
        return of_group, for_all, [mean_gate(gate) for gate in gates]


class _Task(nn.Module):
    """What belongs to one task: its experts and its gates."""

    def __init__(self, width: int, settings: HoME.Settings) -> None:
        super().__init__()
        count = settings.task_experts + settings.group_experts + settings.shared_experts
        self.experts = _experts(settings.task_experts, width, settings.expert, settings)
        self.gate = Gate(2 * width, count, settings.gate_dropout)
        self.self_gate = _SelfGate(width, settings.task_experts)

    def forward(
        self, of_group: Float[Tensor, "B D"], for_all: Float[Tensor, "B D"], common: Sequence[Float[Tensor, "B H"]]
    ) -> tuple[Float[Tensor, "B H"], Float[Tensor, "B E"]]:
        """Return the task's vector, and its gate over its own experts, the group's and the shared ones."""
        own = [expert(of_group) for expert in self.experts]
        gate = self.gate(torch.cat([of_group, for_all], dim=1))
        return mixture([*own, *common], [gate])[0] + mixture(own, [self.self_gate(of_group)])[0], gate


class _Expert(nn.Module):
    """swish(norm(MLP(v * m(v)))) with m the feature gate."""

    def __init__(self, width: int, sizes: Sequence[int], settings: HoME.Settings) -> None:
        super().__init__()
        self.feature_gate = _FeatureGate(width, settings.feature_gates, settings.rank) if settings.feature_gates else None
        self.inner = layers(width, sizes[:-1], settings.dropout)
        self.last = nn.Linear(sizes[-2] if len(sizes) > 1 else width, sizes[-1])
        self.norm = nn.LayerNorm(sizes[-1])

    def forward(self, x: Float[Tensor, "B D"]) -> Float[Tensor, "B H"]:
        """Read what the feature gate lets through."""
        seen = x if self.feature_gate is None else x * self.feature_gate(x)
        return nn.functional.silu(self.norm(self.last(self.inner(seen))))


class _FeatureGate(nn.Module):
    """m(v) = sum_l softmax(C v)_l 2 sigmoid(v A_l B_l); 1 everywhere at the start."""

    def __init__(self, width: int, count: int, rank: int) -> None:
        super().__init__()
        self.count, self.rank = count, rank
        self.choose = Gate(width, count, 0.0)
        self.down = nn.Linear(width, count * rank, bias=False)
        self.up = nn.Parameter(torch.zeros(count, rank, width))

    def forward(self, x: Float[Tensor, "B D"]) -> Float[Tensor, "B D"]:
        """Say how much of each input is read."""
        low = self.down(x).unflatten(1, (self.count, self.rank)).transpose(0, 1)
        masks = 2 * torch.sigmoid(torch.bmm(low, self.up.to(low.dtype)))
        return mixture(list(masks), [self.choose(x)])[0]


class _SelfGate(nn.Module):
    """The weights of a reader's own experts in what passes by its gate: softmax, or a sigmoid where there is one expert."""

    def __init__(self, width: int, experts: int) -> None:
        super().__init__()
        self.linear = zeroed(width, experts)

    def forward(self, x: Float[Tensor, "B D"]) -> Float[Tensor, "B E"]:
        """Weigh the experts."""
        logits = self.linear(x).float()
        return torch.sigmoid(logits) if logits.shape[1] == 1 else torch.softmax(logits, dim=1)


def _experts(count: int, width: int, sizes: Sequence[int], settings: HoME.Settings) -> nn.ModuleList:
    return nn.ModuleList(_Expert(width, sizes, settings) for _ in range(count))


def _groups(names: Sequence[str], tasks: int, groups: Sequence[Sequence[str]]) -> list[int]:
    """Return the group of each task, numbered from 0 in the order of the tasks; names of no task here are passed over."""
    of_name = {name: number for number, group in enumerate(groups) for name in group}
    raw = [of_name.get(name, len(groups)) for name in names] if names else [0] * tasks
    order = {group: number for number, group in enumerate(dict.fromkeys(raw))}
    return [order[group] for group in raw]
