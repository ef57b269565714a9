"""Texts, pictures and given embeddings: one vector per row, projected to a width."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["VectorEncoder"]


@final
class VectorEncoder(nn.Module):
    """Normalise a given vector and project it: LayerNorm(W LayerNorm(v)).

    The first norm makes the scale of the outside embedding irrelevant; a row without a text or picture is the zero vector
    and becomes the same learned vector everywhere.

    Args:
        dim: length of the given vector.
        width: length of the result.

    Shape:
        `[B, dim]` in any float type -> `[B, width]`.
    """

    def __init__(self, dim: int, width: int) -> None:
        super().__init__()
        self.scale = nn.LayerNorm(dim, elementwise_affine=False)
        self.project = nn.Linear(dim, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, vector: Float[Tensor, "B dim"]) -> Float[Tensor, "B W"]:
        """Project; computed in float32 or under autocast, never in the storage type."""
        encoded: Tensor = self.norm(self.project(self.scale(vector.float())))
        return encoded

    def stay_as_given(self) -> None:
        """Stay with the vector as it came, turned where its length is another, so that angles stay what they are.

        All that stay so turn alike: two texts of one encoder can be compared. Only the encoder itself is tuned: at the rate
        at which a drawn projection learns, this one would be turned at random before the encoder has learned anything.
        """
        weight = self.project.weight
        with torch.no_grad():
            if weight.shape[0] == weight.shape[1]:
                nn.init.eye_(weight)
            else:
                nn.init.orthogonal_(weight, generator=torch.Generator().manual_seed(0))
            nn.init.zeros_(self.project.bias)
        self.requires_grad_(False)

    def __call__(self, vector: Float[Tensor, "B dim"]) -> Float[Tensor, "B W"]:
        """Call `forward`; declared again so that a caller gets checked types."""
        return super().__call__(vector)  # type: ignore[no-any-return]
