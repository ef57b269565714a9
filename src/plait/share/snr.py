"""Sub-networks whose connections, from level to level and to the tasks, are learned to be open or shut."""

from collections.abc import Sequence
from itertools import pairwise
from math import log
from typing import Final, Literal, final

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn

from plait.share.base import Inputs, Sharing, SharingSettings
from plait.share.expert import cast_once, drawn
from plait.share.parting import join, part

__all__ = ["SNR"]

_TEMPERATURE: Final = 0.9
_LOW, _HIGH = -0.1, 1.1
_FLOOR: Final = 1e-6


@final
class SNR(Sharing):
    """Learn which sub-networks of each level feed which of the next, and which feed each task.

        trans: v_j^{l+1} = relu(sum_i z_ij^l W_ij^l v_i^l + b_j)       h_t = sum_i z_ti W_ti v_i^L
        aver:  v_j^{l+1} = relu(A_j sum_i z_ij^l v_i^l + b_j)          h_t = sum_i z_ti v_i^L

    with v_i^1 = relu(A_i x + b_i). Each connection z is a *hard concrete* variable that is exactly 0 or 1 with positive
    probability: in training, one draw u ~ U(0, 1) per connection and pass,

        z = clamp(1.2 sigmoid((log u - log(1 - u) + a) / 0.9) - 0.1, 0, 1),

    in evaluation z = clamp(1.2 sigmoid(a) - 0.1, 0, 1), with a learned. `l0` times the expected number of open connections,
    sum sigmoid(a - 0.9 log(0.1 / 1.1)), is added to the objective, so that what helps nobody closes.

    Args:
        width_in: D.
        tasks: T.
        settings: the sub-networks.

    References:
        Ma et al.: SNR: Sub-Network Routing for Flexible Parameter Sharing in Multi-task Learning, AAAI 2019,
        https://doi.org/10.1609/aaai.v33i01.3301216; Louizos et al.: Learning Sparse Neural Networks through L0
        Regularization, ICLR 2018, https://arxiv.org/abs/1712.01312.

    Relations:
        `MMoE` and `PLE` choose per example, this once for all examples: what it learns is an architecture that can be read
        off, and shut connections can be cut. Prefer those for quality alone.

    Notes:
        All connections of a level are one product with a masked matrix. A task whose connections are all shut predicts its
        base rate; lower `l0` where the report shows one.
    """

    class Settings(SharingSettings):
        """Which layers tasks share is learned."""

        kind: Literal["snr"] = "snr"
        connection: Literal["trans", "aver"] = "trans"
        """What a connection does: a matrix of its own, or hand the vector on."""
        subnetworks: int = Field(default=4, ge=1)
        """Sub-networks per level."""
        layers: list[int] = Field(default=[128, 64], min_length=1)
        """Width of one sub-network on each level."""
        l0: float = Field(default=0.0001, ge=0)
        """Weight of the expected number of open connections in the objective."""
        dropout: float = Field(default=0.0, ge=0, lt=1)
        """Share of activations left out in training."""

        def build(self, inputs: Inputs, tasks: int) -> Sharing:
            """Build the body."""
            return SNR(inputs.width, tasks, self)

    def __init__(self, width_in: int, tasks: int, settings: Settings) -> None:
        super().__init__()
        count, sizes = settings.subnetworks, settings.layers
        self.width, self.count, self.inner, self.l0 = sizes[-1], count, sizes[0], settings.l0
        self.first = drawn(width_in, count * sizes[0])
        level = _Trans if settings.connection == "trans" else _Aver
        self.levels = nn.ModuleList(level(count, before, after) for before, after in pairwise(sizes))
        self.tasks = nn.ModuleList(_Task(count, self.width, settings.connection == "trans") for _ in range(tasks))
        self.dropout = nn.Dropout(settings.dropout)
        self._asked: set[int] = set()

    def forward(
        self, x: Float[Tensor, "views B D"], tasks: Sequence[int], domains: Int[Tensor, "B"] | None = None
    ) -> Float[Tensor, "t B H"]:
        """Run the levels, then what connects them to the tasks that are asked for."""
        hidden = self.dropout(torch.relu(self.first(cast_once(x[0])))).view(x.shape[1], self.count, self.inner)
        for level in self.levels:
            hidden = self.dropout(torch.relu(level(hidden)))
        hidden = part(hidden)
        if self.training and torch.is_grad_enabled():
            self._asked |= set(tasks)
        return join([self.tasks[task](hidden) for task in tasks])

    @torch.no_grad()
    def gates(self, x: Float[Tensor, "views B D"], tasks: Sequence[int]) -> dict[str, Float[Tensor, "t E"]]:
        """Return the tasks' connections to the last level's sub-networks as shares; even where all are shut."""
        open_ = torch.stack([_settled(self._task(task).connections.opened) for task in tasks]) + _FLOOR
        return {"sub-networks": open_ / open_.sum(1, keepdim=True)}

    def own(self, task: int) -> list[nn.Parameter]:
        """Return the task's connections and their matrices."""
        return list(self.tasks[task].parameters())

    def penalty(self) -> Float[Tensor, ""] | None:
        """Return `l0` times the expected number of open connections, those of tasks that no pass asked for left out."""
        asked, self._asked = sorted(self._asked), set()
        if not asked or not self.l0:
            return None
        parts = [*self.levels, *(self._task(task) for task in asked)]
        logits: list[Tensor] = [m.opened for some in parts for m in some.modules() if isinstance(m, _Connections)]
        return self.l0 * torch.sigmoid(torch.cat(logits) - _TEMPERATURE * log(-_LOW / _HIGH)).sum()

    def _task(self, task: int) -> "_Task":
        module = self.tasks[task]
        assert isinstance(module, _Task)
        return module


class _Connections(nn.Module):
    """Hard concrete variables, one per connection, half open at the start."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.opened = nn.Parameter(torch.zeros(count))

    def forward(self) -> Float[Tensor, " n"]:
        """Draw them in training; their settled values in evaluation."""
        if not self.training:
            return _settled(self.opened)
        noise = torch.rand_like(self.opened).clamp(_FLOOR, 1 - _FLOOR)
        smooth = torch.sigmoid((torch.logit(noise) + self.opened) / _TEMPERATURE)
        return (smooth * (_HIGH - _LOW) + _LOW).clamp(0, 1)


class _Trans(nn.Module):
    """Every sub-network of a level to every one of the next, each by a matrix of its own."""

    def __init__(self, count: int, before: int, after: int) -> None:
        super().__init__()
        self.shape = (count, after, count, before)
        self.connections = _Connections(count * count)
        self.linear = drawn(count * before, count * after)

    def forward(self, x: Float[Tensor, "B K D"]) -> Float[Tensor, "B K H"]:
        """Send the vectors along the open connections."""
        count, after, _, _ = self.shape
        open_ = self.connections().view(count, 1, count, 1)
        weight = (self.linear.weight.view(self.shape) * open_).flatten(2).flatten(0, 1)
        return nn.functional.linear(x.flatten(1), weight, self.linear.bias).view(-1, count, after)


class _Aver(nn.Module):
    """Sums of the vectors of a level, then each sub-network's own matrix."""

    def __init__(self, count: int, before: int, after: int) -> None:
        super().__init__()
        self.count = count
        self.connections = _Connections(count * count)
        self.weight = nn.Parameter(torch.randn(count, before, after) * (2 / before) ** 0.5)
        self.bias = nn.Parameter(torch.zeros(count, 1, after))

    def forward(self, x: Float[Tensor, "B K D"]) -> Float[Tensor, "B K H"]:
        """Send the vectors along the open connections."""
        open_ = self.connections().view(self.count, self.count).to(x.dtype)
        mixed = torch.matmul(open_, x).transpose(0, 1)
        return (torch.bmm(mixed, self.weight.to(mixed.dtype)) + self.bias.to(mixed.dtype)).transpose(0, 1)


class _Task(nn.Module):
    """One task's connections to the sub-networks of the last level."""

    def __init__(self, count: int, width: int, trans: bool) -> None:
        super().__init__()
        self.connections = _Connections(count)
        self.linear = nn.Linear(count * width, width, bias=False) if trans else None

    def forward(self, x: Float[Tensor, "B K H"]) -> Float[Tensor, "B H"]:
        """Add up what comes along the open connections."""
        open_ = self.connections()
        if self.linear is None:
            return torch.matmul(open_.to(x.dtype), x)
        weight = self.linear.weight.view(-1, len(open_), x.shape[2]) * open_[:, None]
        return nn.functional.linear(x.flatten(1), weight.flatten(1))


def _settled(opened: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Return the values of evaluation."""
    return (torch.sigmoid(opened) * (_HIGH - _LOW) + _LOW).clamp(0, 1)
