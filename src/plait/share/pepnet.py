"""Gates that know who is asking and where: on the embeddings, and on every layer of each task's tower."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, final

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn

from plait.share.base import Inputs, Sharing, SharingSettings
from plait.share.expert import cast_once, layers, zeroed
from plait.share.parting import alias, join, part

__all__ = ["PEPNet"]


@final
class PEPNet(Sharing):
    """Scale the input by where it is read and each task's layers by whom they serve.

        gate(a) = 2 sigmoid(W' relu(W a + b) + b')                       in (0, 2), 1 at the start
        o       = x * gate(domain features of x, stop(x))                EPNet, on the embeddings
        h_t^l   = relu(V_t^l h_t^{l-1} + c_t^l) * gate_t^l(personal features of x, stop(o)),   h_t^0 = o     PPNet

    with stop(.) letting no gradient through, so that gates learn from what they scale and do not move it. Domain features
    say where an example comes from (a page, a country); personal ones who and what it is about (user, item, author ids).

    Args:
        inputs: the joint input, which knows where features lie.
        tasks: T.
        settings: the features and the layers.

    Raises:
        RecipeError: a feature is not in the joint input.

    References:
        Chang et al.: PEPNet: Parameter and Embedding Personalized Network for Infusing with Personalized Prior Information,
        KDD 2023, https://arxiv.org/abs/2302.01115.

    Relations:
        Without personal features it is `Separate` behind a gate. `STAR` gives every domain weights of its own and needs
        enough rows of each; prefer this where domains or users are many and rows of each are few.

    Notes:
        As in the paper the gates of a layer have their first layer in common and a second one per task; here all layers
        of the tower share that product, which is one instead of several.
    """

    class Settings(SharingSettings):
        """Personalised gates on embeddings and towers."""

        kind: Literal["pepnet"] = "pepnet"
        domain_features: list[str] = Field(default_factory=list)
        """`table.column` of what says where an example comes from; without any, the embeddings are not gated."""
        personal_features: list[str] = Field(default_factory=list)
        """`table.column` of what says who and what it is about: user, item, author; without any, towers are not gated."""
        layers: list[int] = Field(default=[256, 128], min_length=1)
        """Layer widths of each task's network."""
        gate: int = Field(default=64, ge=1)
        """Width of the hidden layer of a gate."""
        dropout: float = Field(default=0.0, ge=0, lt=1)
        """Share of activations left out in training."""

        def named_features(self) -> list[str]:
            """Return what the gates read."""
            return [*self.domain_features, *self.personal_features]

        def build(self, inputs: Inputs, tasks: int) -> Sharing:
            """Build the body."""
            return PEPNet(inputs, tasks, self)

    def __init__(self, inputs: Inputs, tasks: int, settings: Settings) -> None:
        super().__init__()
        self.width = settings.layers[-1]
        self.domain_places = _places(inputs, settings.domain_features)
        self.personal_places = _places(inputs, settings.personal_features)
        width, hidden = inputs.width, settings.gate
        self.embedding_gate: nn.Module | None = None
        self.before_gates: nn.Module | None = None
        if self.domain_places:
            read = sum(stop - start for start, stop in self.domain_places) + width
            self.embedding_gate = nn.Sequential(layers(read, [hidden], 0.0), _Gate(hidden, width))
        if self.personal_places:
            read = sum(stop - start for start, stop in self.personal_places) + width
            self.before_gates = layers(read, [hidden * len(settings.layers)], 0.0)
        gated = hidden if self.personal_places else None
        self.towers = nn.ModuleList(_Tower(width, gated, settings) for _ in range(tasks))

    def forward(
        self, x: Float[Tensor, "views B D"], tasks: Sequence[int], domains: Int[Tensor, "B"] | None = None
    ) -> Float[Tensor, "t B H"]:
        """Gate the embeddings once, then run the towers of the tasks that are asked for."""
        joint = cast_once(x[0])
        seen = joint
        if self.embedding_gate is not None:
            seen = joint * self.embedding_gate(_side(joint, self.domain_places, joint))
        hidden: Tensor | None = None
        if self.before_gates is not None:
            hidden = part(self.before_gates(_side(joint, self.personal_places, seen)))
        read = part(alias(seen))
        return join([self.towers[task](read, hidden) for task in tasks])

    def own(self, task: int) -> list[nn.Parameter]:
        """Return the task's tower with its gates."""
        return list(self.towers[task].parameters())


class _Tower(nn.Module):
    """One task's layers, each scaled by a gate where there is something to gate by."""

    def __init__(self, width: int, gate: int | None, settings: PEPNet.Settings) -> None:
        super().__init__()
        sizes = [width, *settings.layers]
        self.layers = nn.ModuleList(layers(before, [after], settings.dropout) for before, after in pairwise(sizes))
        self.gates = nn.ModuleList([] if gate is None else [_Gate(gate, size) for size in settings.layers])

    def forward(self, x: Float[Tensor, "B D"], hidden: Float[Tensor, "B G"] | None) -> Float[Tensor, "B H"]:
        """Run the layers; `hidden` holds the hidden layers of the gates side by side."""
        scales: list[Tensor] = []
        if hidden is not None:
            scales = [gate(read) for gate, read in zip(self.gates, hidden.chunk(len(self.gates), dim=1), strict=True)]
        for number, layer in enumerate(self.layers):
            x = layer(x) * scales[number] if scales else layer(x)
        return x


class _Gate(nn.Module):
    """2 sigmoid(W' a + b'), 1 at the start."""

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        self.linear = zeroed(width, size)

    def forward(self, x: Float[Tensor, "B G"]) -> Float[Tensor, "B H"]:
        """Say by what to scale."""
        return 2 * torch.sigmoid(self.linear(x))


def _places(inputs: Inputs, features: Sequence[str]) -> list[tuple[int, int]]:
    return [place for feature in features for place in inputs.places(feature)]


def _side(x: Float[Tensor, "B D"], places: Sequence[tuple[int, int]], rest: Float[Tensor, "B D"]) -> Float[Tensor, "B G"]:
    """Lay the features at `places`, with gradient, beside `rest`, without."""
    return torch.cat([*(x[:, start:stop] for start, stop in places), rest.detach()], dim=1)
