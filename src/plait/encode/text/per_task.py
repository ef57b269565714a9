"""A low-rank adapter of each task in every linear map of one frozen encoder; several tasks are read in one pass."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from plait.encode.text.settings import Text

__all__ = ["TaskAdapters", "add_task_adapters", "without_adapters"]


@final
class TaskAdapters(nn.Module):
    """A frozen map with an adapter per task: of task t's rows, W x + (alpha / r) B_t A_t dropout(x).

    The rows of a pass are laid out task by task, so that the adapters of all of them are two batched products. Without tasks
    it is the frozen map. B is zero at first.

    Args:
        base: the map.
        sizes: how many numbers it reads and gives.
        tasks: T.
        rank: r.
        scale: alpha / r.
        dropout: share of an adapter's input that is left out in training.

    Attributes:
        on: the numbers of the tasks that a pass is laid out by.

    References:
        Hu et al.: LoRA, ICLR 2022, https://arxiv.org/abs/2106.09685, section 4.2: one body, an adapter per task.
    """

    def __init__(self, base: nn.Module, sizes: tuple[int, int], tasks: int, rank: int, scale: float, dropout: float) -> None:
        super().__init__()
        self.base = base
        self.scale = scale
        self.drop = nn.Dropout(dropout)
        self.down = nn.ParameterList([nn.Parameter(torch.empty(rank, sizes[0])) for _ in range(tasks)])
        self.up = nn.ParameterList([nn.Parameter(torch.zeros(sizes[1], rank)) for _ in range(tasks)])
        self.on: list[int] = []
        for matrix in self.down:
            nn.init.kaiming_uniform_(matrix, a=5**0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Map rows `[t * b, ..., in]`, the b rows of each of the t tasks one behind another."""
        found: Tensor = self.base(x)
        if not self.on:
            return found
        down = torch.stack([self.down[task] for task in self.on])
        up = torch.stack([self.up[task] for task in self.on])
        rows = self.drop(x).reshape(len(self.on), -1, x.shape[-1])
        extra = (rows @ down.transpose(1, 2)) @ up.transpose(1, 2)
        return torch.add(found, extra.view_as(found), alpha=self.scale)


def add_task_adapters(body: nn.Module, names: Sequence[str], tasks: int, settings: Text.Settings) -> list[TaskAdapters]:
    """Freeze an encoder and put adapters of each task beside some of its linear maps.

    Args:
        body: the encoder.
        names: full names of the maps.
        tasks: how many tasks.
        settings: rank, alpha and dropout of an adapter.
    """
    rank, alpha = settings.rank, settings.alpha or 2.0 * settings.rank
    body.requires_grad_(False)
    found = []
    for name in names:
        parent, _, own = name.rpartition(".")
        map_ = body.get_submodule(name)
        adapters = TaskAdapters(map_, _sizes(map_), tasks, rank, alpha / rank, settings.dropout)
        body.get_submodule(parent).register_module(own, adapters)
        found.append(adapters)
    return found


def without_adapters(body: nn.Module) -> dict[str, Tensor]:
    """Return the state of an encoder as it is without the adapters of tasks, under the names it has without them."""
    state: dict[str, Tensor] = body.state_dict()
    for name, module in body.named_modules():
        if isinstance(module, TaskAdapters):
            own = {key for key in state if key.startswith(f"{name}.")}
            inside = f"{name}.base."
            kept = {f"{name}.{key.removeprefix(inside)}": state[key] for key in own if key.startswith(inside)}
            state = {**{key: tensor for key, tensor in state.items() if key not in own}, **kept}
    return state


def _sizes(map_: nn.Module) -> tuple[int, int]:
    """Return how many numbers a linear map reads and gives; GPT-2's stand the other way round."""
    weight = map_.weight
    assert isinstance(weight, Tensor)
    rows, columns = weight.shape
    return (columns, rows) if isinstance(map_, nn.Linear) else (rows, columns)
