"""The modalities of a row into one vector: gated, by attention, or left side by side."""

from abc import ABC, abstractmethod
from typing import Annotated, Literal, final

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor, nn

from plait import schema
from plait.encode.transformer import TransformerLayer

__all__ = ["AnyFusion", "Attention", "Concat", "Fusion", "Gated", "build_fusion"]


class Fusion(nn.Module, ABC):
    """Make one vector of several modalities, of which some may be missing.

    What is missing has a learned vector in its place and counts for nothing; where everything is, the learned vectors are
    all there is.

    Shape:
        parts `[B, M, W]`, there `[B, M]` (true where a modality is there) -> `[B, W]`; B may be 0.
    """

    def forward(self, parts: Float[Tensor, "B M W"], there: Bool[Tensor, "B M"]) -> Float[Tensor, "B W"]:
        """Fuse the modalities."""
        return self.fuse(parts, there | ~there.any(1, keepdim=True))

    @abstractmethod
    def fuse(self, parts: Float[Tensor, "B M W"], there: Bool[Tensor, "B M"]) -> Float[Tensor, "B W"]:
        """Fuse the modalities, of which at least one is there."""

    def __call__(self, parts: Float[Tensor, "B M W"], there: Bool[Tensor, "B M"]) -> Float[Tensor, "B W"]:
        """Call `forward`; declared again so that a caller gets checked types."""
        return super().__call__(parts, there)  # type: ignore[no-any-return]


@final
class Concat:
    """Leave the modalities side by side in the row vector; the body does the mixing."""

    @final
    class Settings(schema.Settings):
        """Side by side."""

        kind: Literal["concat"] = "concat"
        dropout: float = Field(default=0.0, ge=0, lt=1)
        """Share of the rows that lose a text, picture, sound or given vector in training, each by itself."""


@final
class Gated(Fusion):
    r"""Let all modalities together decide, unit by unit, how much of each is taken (gated multimodal unit).

    .. math:: h_i = \tanh(W_i x_i), \quad z = \mathrm{softmax}_i(U_i [x_1, \dots, x_M] + c_i), \quad
        h = \sum_i z_i \odot h_i

    with x_i the modalities, all of width W, and the softmax over those that are there, in each unit. For two modalities this
    is the paper's :math:`z = \sigma(U [x_1, x_2])` and :math:`1 - z`; for more the paper has gates that know nothing of each
    other, where the softmax keeps the size whatever is missing.

    Args:
        parts: M, how many modalities there are.
        width: W.

    References:
        Arevalo, Solorio, Montes-y-Gómez, González: Gated Multimodal Units for Information Fusion, ICLR 2017 workshop,
        https://arxiv.org/abs/1702.01992.

    Relations:
        `Attention` lets the modalities read each other before one is chosen, at several times the cost.
    """

    @final
    class Settings(schema.Settings):
        """Gates on each unit of each modality."""

        kind: Literal["gated"] = "gated"
        dropout: float = Field(default=0.0, ge=0, lt=1)
        """Share of the rows that lose a text, picture, sound or given vector in training, each by itself."""

    def __init__(self, parts: int, width: int) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.empty(parts, width, width))
        self.shift = nn.Parameter(torch.zeros(parts, 1, width))
        self.gate = nn.Linear(parts * width, parts * width)
        nn.init.normal_(self.value, std=width**-0.5)

    def fuse(self, parts: Float[Tensor, "B M W"], there: Bool[Tensor, "B M"]) -> Float[Tensor, "B W"]:
        """Weigh the modalities unit by unit."""
        values = torch.baddbmm(self.shift.to(parts.dtype), parts.transpose(0, 1), self.value.to(parts.dtype)).tanh()
        scores = self.gate(parts.flatten(1)).view_as(parts).float()
        weights = scores.masked_fill(~there[:, :, None], torch.finfo(scores.dtype).min).softmax(1)
        fused: Tensor = (weights.to(values.dtype) * values.transpose(0, 1)).sum(1)
        return fused


@final
class Attention(Fusion):
    """Let the modalities attend to each other, and read them at a place of its own.

    Each modality is a token, told apart by a learned vector that is added; a learned token stands before them. Pre-norm
    transformer layers let the tokens that are there attend to each other, and the first is the result, normalised.

    Args:
        parts: M, how many modalities there are.
        width: W, a multiple of the heads.
        settings: layers and heads.

    References:
        Vaswani et al.: Attention Is All You Need, NeurIPS 2017, https://arxiv.org/abs/1706.03762; with a token per kind of
        input and one that reads: Gorishniy, Rubachev, Khrulkov, Babenko: Revisiting Deep Learning Models for Tabular Data,
        NeurIPS 2021, https://arxiv.org/abs/2106.11959.

    Relations:
        `Gated` has a third of the weights and is faster; prefer it while it is as good.
    """

    @final
    class Settings(schema.Settings):
        """Modalities as tokens of a transformer."""

        kind: Literal["attention"] = "attention"
        layers: int = Field(default=1, ge=1, le=8)
        """Transformer layers."""
        heads: Literal[1, 2, 4, 8] = 4
        """Attention heads."""
        dropout: float = Field(default=0.0, ge=0, lt=1)
        """Share of the rows that lose a text, picture, sound or given vector in training, each by itself."""

    def __init__(self, parts: int, width: int, settings: Settings) -> None:
        super().__init__()
        self.kinds = nn.Parameter(torch.randn(parts, width) * width**-0.5)
        self.first = nn.Parameter(torch.randn(width) * width**-0.5)
        self.layers = nn.ModuleList(TransformerLayer(width, settings.heads, 0.0) for _ in range(settings.layers))
        self.norm = nn.LayerNorm(width)

    def fuse(self, parts: Float[Tensor, "B M W"], there: Bool[Tensor, "B M"]) -> Float[Tensor, "B W"]:
        """Read the modalities."""
        tokens = torch.cat([self.first.expand(parts.shape[0], 1, -1).to(parts.dtype), parts + self.kinds], dim=1)
        seen = torch.cat([there.new_ones(there.shape[0], 1), there], dim=1)
        for layer in self.layers:
            tokens = layer(tokens, seen)
        read: Tensor = self.norm(tokens[:, 0])
        return read


AnyFusion = Annotated[Concat.Settings | Gated.Settings | Attention.Settings, Field(discriminator="kind")]


def build_fusion(settings: Concat.Settings | Gated.Settings | Attention.Settings, parts: int, width: int) -> Fusion | None:
    """Build the fusion that the settings describe; None where there is nothing to mix."""
    if parts < 2:
        return None
    match settings:
        case Concat.Settings():
            return None
        case Gated.Settings():
            return Gated(parts, width)
        case Attention.Settings():
            return Attention(parts, width, settings)
