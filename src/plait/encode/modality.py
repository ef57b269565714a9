"""The modalities of a row: a vector and what stands in its place where there is none; all other columns together."""

from collections.abc import Collection, Mapping
from typing import final

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from plait.encode.vectors import VectorEncoder

__all__ = ["Modality", "OwnColumns"]


@final
class Modality(nn.Module):
    """Project a given vector; a row without one gets a learned vector instead.

    A vector of zeros says that there is none: no file, or one that cannot be read. A share of the rows, `dropout`, loses its
    vector in training, drawn anew at every step, so that the model learns to do without.

    Args:
        encoder: projects the vectors that are there.
        width: length of the result.
        dropout: share of the rows that lose their vector in training.

    Shape:
        `[B, dim]` in any float type -> `[B, width]`, and which rows have one `[B]`.

    References:
        Neverova, Wolf, Taylor, Nebout: ModDrop: Adaptive Multi-Modal Gesture Recognition, TPAMI 2016,
        https://arxiv.org/abs/1501.00102.
    """

    def __init__(self, encoder: VectorEncoder, width: int, dropout: float) -> None:
        super().__init__()
        self.encoder = encoder
        self.absent = nn.Parameter(torch.zeros(width))
        self.dropout = dropout

    def forward(
        self, vector: Float[Tensor, "B dim"], hidden: bool = False
    ) -> tuple[Float[Tensor, "B W"], Bool[Tensor, " B"]]:
        """Project; `hidden` treats every row as one without a vector."""
        there = (vector != 0).any(1)
        if self.training and self.dropout > 0:
            there = there & (torch.rand(there.shape, device=there.device) >= self.dropout)
        if hidden:
            there = torch.zeros_like(there)
        encoded = self.encoder(vector)
        return torch.where(there[:, None], encoded, self.absent.to(encoded.dtype)), there

    def __call__(
        self, vector: Float[Tensor, "B dim"], hidden: bool = False
    ) -> tuple[Float[Tensor, "B W"], Bool[Tensor, " B"]]:
        """Call `forward`; declared again so that a caller gets checked types."""
        return super().__call__(vector, hidden)  # type: ignore[no-any-return]


@final
class OwnColumns(nn.Module):
    """The ids, categories and numbers of a row as one modality: projected and normalised.

    Args:
        spans: feature name -> where it lies among them.
        dim: how long they are together.
        width: length of the result.

    Shape:
        `[views, B, dim]` -> `[views, B, width]`.
    """

    def __init__(self, spans: Mapping[str, tuple[int, int]], dim: int, width: int) -> None:
        super().__init__()
        self.spans = dict(spans)
        self.absent = nn.Parameter(torch.zeros(dim))
        self.project = nn.Linear(dim, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, own: Float[Tensor, "views B dim"], hidden: Collection[str] = ()) -> Float[Tensor, "views B W"]:
        """Project; features that are hidden leave a learned value instead of their own."""
        spans = [self.spans[name] for name in hidden if name in self.spans]
        if spans:
            mask = torch.zeros(own.shape[-1], dtype=torch.bool, device=own.device)
            for start, stop in spans:
                mask[start:stop] = True
            own = torch.where(mask, self.absent.to(own.dtype), own)
        projected: Tensor = self.norm(self.project(own))
        return projected

    def __call__(self, own: Float[Tensor, "views B dim"], hidden: Collection[str] = ()) -> Float[Tensor, "views B W"]:
        """Call `forward`; declared again so that a caller gets checked types."""
        return super().__call__(own, hidden)  # type: ignore[no-any-return]
