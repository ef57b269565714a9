"""One transformer layer, for histories and for the fusion of modalities."""

from typing import final

from jaxtyping import Bool, Float
from torch import Tensor, nn

__all__ = ["TransformerLayer"]


@final
class TransformerLayer(nn.Module):
    """One pre-norm transformer layer.

    Args:
        width: W, a multiple of the heads.
        heads: attention heads.
        dropout: share of activations left out in training.

    Shape:
        hidden `[B, L, W]`, seen `[B, L]` (true where a place may be attended to) -> `[B, L, W]`.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.before_attention, self.before_feed = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mix, self.join = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.feed = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width), nn.Dropout(dropout))

    def forward(self, hidden: Float[Tensor, "B L W"], seen: Bool[Tensor, "B L"]) -> Float[Tensor, "B L W"]:
        """Let the places attend to each other."""
        mixed = self.mix(self.before_attention(hidden)).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        attended = nn.functional.scaled_dot_product_attention(
            mixed[0], mixed[1], mixed[2], attn_mask=seen[:, None, None], dropout_p=self.dropout if self.training else 0.0
        )
        hidden = hidden + self.join(attended.transpose(1, 2).flatten(2))
        fed: Tensor = self.feed(self.before_feed(hidden))
        return hidden + fed
