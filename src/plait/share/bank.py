"""Networks of equal size that read one input: the experts of a level, computed without detours."""

from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from plait.share.expert import cast_once

__all__ = ["bank"]


def bank(networks: Iterable[nn.Module], x: Float[Tensor, "B D"]) -> Float[Tensor, "B E H"]:
    """Run networks that `layers` built, all of the same sizes, on one input and lay their vectors side by side.

    The same as stacking what each returns. In training they are one node of autograd: ReLUs work in place, the last writes
    to where the stack wants it, and the gradient of the input is summed inside the products, where autograd would lay out
    one per network and add them up. Networks with dropout are called one
    by one, and so are all outside training, where somebody may watch them.
    """
    x = cast_once(x)
    every = list(networks)
    parts = [part for network in every for part in network.children()]
    training = every[0].training and torch.is_grad_enabled()
    if not training or not all(isinstance(part, nn.Linear | nn.ReLU) for part in parts):
        return torch.stack([network(x) for network in every], dim=1)
    linears = [part for part in parts if isinstance(part, nn.Linear)]
    depth = len(linears) // len(every)
    parameters = [parameter for linear in linears for parameter in (linear.weight, linear.bias)]
    return _Bank.apply(x, depth, *parameters)  # type: ignore[no-any-return, no-untyped-call]


class _Bank(torch.autograd.Function):
    """All layers of all networks; each network's passes run from end to end, so that what they hand on is in the cache."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, depth: int, *parameters: Tensor) -> Tensor:  # noqa: ANN401
        weights = [weight.to(x.dtype) for weight in parameters[::2]]
        biases = [bias.to(x.dtype) for bias in parameters[1::2]]
        stacked = x.new_empty(x.shape[0], len(weights) // depth, weights[-1].shape[0])
        hidden: list[Tensor] = []
        for number, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            place, layer = divmod(number, depth)
            summed = torch.addmm(bias, x if layer == 0 else hidden[-1], weight.t())
            if layer == depth - 1:
                torch.clamp_min(summed, 0, out=stacked[:, place])
            else:
                hidden.append(summed.relu_())
        ctx.depth = depth
        ctx.save_for_backward(x, stacked, *weights, *hidden)
        return stacked

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        x, stacked, *rest = ctx.saved_tensors
        depth, count = ctx.depth, stacked.shape[1]
        weights, hidden = rest[: count * depth], rest[count * depth :]
        wanted = ctx.needs_input_grad[2:]
        of_x: Tensor | None = None
        found: list[Tensor | None] = [None] * (2 * count * depth)
        for place in reversed(range(count)):
            g = torch.ops.aten.threshold_backward(grad[:, place], stacked[:, place], 0)
            for layer in reversed(range(depth)):
                number = place * depth + layer
                below = hidden[place * (depth - 1) + layer - 1] if layer else x
                if wanted[2 * number]:
                    found[2 * number] = g.t() @ below
                if wanted[2 * number + 1]:
                    found[2 * number + 1] = g.sum(0)
                if layer:
                    g = g @ weights[number]
                    torch.ops.aten.threshold_backward.grad_input(g, below, 0, grad_input=g)
                elif ctx.needs_input_grad[0]:
                    of_x = g @ weights[number] if of_x is None else of_x.addmm_(g, weights[number])
        return (of_x, None, *found)
