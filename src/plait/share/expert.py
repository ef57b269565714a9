"""The layers that bodies are made of, and the weighted sum of experts."""

from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["Gate", "cast_once", "drawn", "layers", "listed", "mean_gate", "mix", "mixture", "normalised", "weigh", "zeroed"]


def drawn(width: int, size: int) -> nn.Linear:
    """Build a linear layer for use before ReLU: weights from N(0, 2 / fan_in), which keeps the size of activations.

    References:
        He et al.: Delving Deep into Rectifiers, ICCV 2015, https://arxiv.org/abs/1502.01852.
    """
    linear = nn.Linear(width, size)
    nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
    nn.init.zeros_(linear.bias)
    return linear


def zeroed(width: int, size: int) -> nn.Linear:
    """Build a linear layer that says 0 whatever it reads, until it learns."""
    linear = nn.Linear(width, size)
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear


def listed(module: nn.Module) -> nn.ModuleList:
    """Return a list of modules that lies in another, for the type checker."""
    assert isinstance(module, nn.ModuleList)
    return module


def layers(width: int, sizes: Sequence[int], dropout: float) -> nn.Sequential:
    """Build `sizes` linear layers with ReLU, drawn as `drawn` does, each followed by dropout where there is any."""
    parts: list[nn.Module] = []
    for size in sizes:
        parts += [drawn(width, size), nn.ReLU()]
        if dropout:
            parts.append(nn.Dropout(dropout))
        width = size
    return nn.Sequential(*parts)


def normalised(network: nn.Sequential) -> nn.Sequential:
    """Let an expert end in swish(norm(.)) in place of ReLU, so that all experts of a level speak equally loud.

    References:
        Wang et al.: HoME, 2024, https://arxiv.org/abs/2408.05430; here each example's vector is normalised, not the batch.
    """
    parts = list(network)
    end = max(place for place, part in enumerate(parts) if isinstance(part, nn.ReLU))
    linear = parts[end - 1]
    assert isinstance(linear, nn.Linear)
    return nn.Sequential(*parts[:end], nn.LayerNorm(linear.out_features), nn.SiLU(), *parts[end + 1 :])


class Gate(nn.Module):
    """How much one reader leans on each expert: softmax(W x + b), uniform at the start.

    In training, with `dropout` some experts are left out of the sum at random and the others scaled up to add to one, so
    that no reader can settle on a single expert.

    Args:
        width: D, length of what the gate reads.
        experts: E.
        dropout: share of (example, expert) pairs left out.

    Shape:
        `[B, D]` -> `[B, E]` in float32.

    References:
        Zhao et al.: Recommending What Video to Watch Next, RecSys 2019 (dropout on gates),
        https://doi.org/10.1145/3298689.3346997.
    """

    def __init__(self, width: int, experts: int, dropout: float) -> None:
        super().__init__()
        self.linear = zeroed(width, experts)
        self.dropout = dropout

    def forward(self, x: Float[Tensor, "B D"]) -> Float[Tensor, "B E"]:
        """Weigh the experts."""
        return self.normalise(self.linear(x).float())

    def normalise(self, logits: Float[Tensor, "*B E"]) -> Float[Tensor, "*B E"]:
        """Turn logits into weights that add up to one."""
        if self.training and self.dropout:
            left_out = torch.rand_like(logits) < self.dropout
            logits = logits.masked_fill(left_out & ~left_out.all(-1, keepdim=True), float("-inf"))
        return torch.softmax(logits, dim=-1)

    def __call__(self, x: Float[Tensor, "B D"]) -> Float[Tensor, "B E"]:
        """Call `forward`; declared again so that a caller gets checked types."""
        return super().__call__(x)  # type: ignore[no-any-return]


def weigh(gates: Iterable[nn.Module], x: Float[Tensor, "B D"]) -> Float[Tensor, "B t E"]:
    """Weigh the experts for several readers that read the same; gates that are a softmax take one product for all."""
    every = list(gates)
    known = [gate for gate in every if isinstance(gate, Gate)]
    if len(known) < len(every):
        return torch.stack([gate(x) for gate in every], dim=1)
    weight, bias = torch.cat([gate.linear.weight for gate in known]), torch.cat([gate.linear.bias for gate in known])
    logits = nn.functional.linear(x, weight, bias).float()
    return known[0].normalise(logits.view(x.shape[0], len(known), weight.shape[0] // len(known)))


def mixture(experts: Sequence[Float[Tensor, "B H"]], gates: Sequence[Float[Tensor, "B E"]]) -> Float[Tensor, "t B H"]:
    """Sum the experts' vectors by each gate: one product per example, with no [B, E, H, t] in between."""
    return mix(torch.stack(tuple(experts), dim=1), torch.stack(tuple(gates), dim=1))


def mix(experts: Float[Tensor, "B E H"], weights: Float[Tensor, "B t E"]) -> Float[Tensor, "t B H"]:
    """Do the same for experts and gates that already lie side by side."""
    return torch.bmm(weights.to(experts.dtype), experts).transpose(0, 1)


def cast_once(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Under autocast, cast the input before many layers read it; autocast itself would cast it once per layer."""
    kind = x.device.type
    active = torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)
    return x.to(torch.get_autocast_dtype(kind)) if active else x


def mean_gate(gate: Float[Tensor, "B E"]) -> Float[Tensor, " E"]:
    """Average a gate over the batch, without gradient; zeros for an empty batch."""
    return gate.detach().sum(0) / max(1, gate.shape[0])
