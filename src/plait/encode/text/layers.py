"""The layers of a pretrained encoder: their learning rates, and which of them are held still for a while."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Final, final

import torch
from torch import Tensor, nn

__all__ = ["FixedLinear", "Layers", "fix_linears", "held"]

_OPEN: Final = 0.5
"""Share of the training after which gradual unfreezing has reached the last layer."""
_UNDER: Final = ("embed", "relative_attention_bias")
"""In the names of what layers stand on; the second is MPNet's table of distances, which all of its layers read."""
_BEGIN: Final = ("wte", "wpe", "shared")
"""How such names begin: GPT-2's and T5's."""


@final
class Layers:
    """The parameters of an encoder by layer, from the embeddings to the top.

    Args:
        body: the encoder; its layers are the longest list of modules in it.

    Attributes:
        blocks: the modules that are the layers, lowest first.
        groups: the parameters of what is before the layers, of each layer, and of what is after the last.
    """

    def __init__(self, body: nn.Module) -> None:
        lists = [module for module in body.modules() if isinstance(module, nn.ModuleList) and len(module)]
        sizes = [sum(p.numel() for p in module.parameters()) for module in lists]
        self.blocks: list[nn.Module] = list(lists[sizes.index(max(sizes))]) if lists else []
        inside = [list(block.parameters()) for block in self.blocks]
        known = {id(p) for group in inside for p in group}
        rest = [(name, p) for name, p in body.named_parameters() if id(p) not in known]
        above = [p for name, p in rest if not any(part in name for part in _UNDER) and not name.startswith(_BEGIN)]
        below = [p for name, p in rest if not any(p is other for other in above)]
        self.groups = [below, *inside, above]

    def below(self, count: int) -> list[nn.Parameter]:
        """Return the parameters below the topmost layers.

        Args:
            count: how many layers are not below.
        """
        return [p for group in self.groups[: len(self.blocks) - count + 1] for p in group]

    def rates(self, top: float, decay: float) -> list[tuple[nn.Parameter, float]]:
        """Return each trained parameter's learning rate: `top` at the top, `decay` times as much in each layer below.

        References:
            Howard, Ruder: Universal Language Model Fine-tuning for Text Classification, ACL 2018,
            https://arxiv.org/abs/1801.06146, discriminative fine-tuning.
        """
        depths = [*range(len(self.groups) - 2, -1, -1), 0]
        return [
            (p, top * decay**depth)
            for group, depth in zip(self.groups, depths, strict=True)
            for p in group
            if p.requires_grad
        ]

    def still(self, done: float) -> list[nn.Parameter]:
        """Return the parameters that gradual unfreezing holds still.

        At first all are, then the layers join from the top down at even distances, the embeddings last, half of the way
        through.

        Args:
            done: how much of the training is behind, from 0 to 1.
        """
        count = len(self.groups) - 1
        joined = min(int(done / _OPEN * (count + 1)), count)
        held = self.groups[: count - joined]
        return [p for group in (held if joined else self.groups) for p in group if p.requires_grad]


@contextlib.contextmanager
def held(parameters: Sequence[nn.Parameter]) -> Iterator[None]:
    """Compute without a graph for these parameters, and below the lowest other one without any.

    They require a gradient again afterwards, so that whoever listed what is trained need not know.
    """
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)


@final
class FixedLinear(nn.Linear):
    """A linear map that is not trained: under autocast its weights are cast once, not in every call."""

    def __init__(self, source: nn.Linear) -> None:
        nn.Module.__init__(self)
        self.in_features, self.out_features = source.in_features, source.out_features
        self.weight, self.bias = source.weight, source.bias
        self._cast: tuple[tuple[object, ...], Tensor, Tensor | None] | None = None

    def forward(self, input: Tensor) -> Tensor:  # torch's name
        """As `nn.Linear`."""
        kind = self.weight.device.type
        if self.weight.requires_grad or not torch.is_autocast_enabled(kind):
            return nn.functional.linear(input, self.weight, self.bias)
        dtype = torch.get_autocast_dtype(kind)
        now = (dtype, self.weight.device, self.weight.data_ptr(), self.weight._version)
        if self._cast is None or self._cast[0] != now:
            with torch.no_grad():
                self._cast = (now, self.weight.to(dtype), None if self.bias is None else self.bias.to(dtype))
        return nn.functional.linear(input.to(dtype), self._cast[1], self._cast[2])

    def forget(self) -> None:
        """Cast anew in the next call, because the weights are others."""
        self._cast = None


def fix_linears(body: nn.Module) -> None:
    """Replace the linear maps of a module that are not trained by ones that are fast under autocast."""
    for module in list(body.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, FixedLinear):
                child.forget()
            elif type(child) is nn.Linear and not child.weight.requires_grad:
                module.register_module(name, FixedLinear(child))
