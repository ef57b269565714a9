"""The vectors of a tuned encoder's tokens as rows: a step changes those of the tokens it read, not a whole vocabulary."""

from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from plait.encode.ids import FusedEmbedding

__all__ = ["TokenRows"]


@final
class TokenRows(nn.Module):
    """Look up the vectors of tokens in place of an encoder's own embedding, and share its weight.

    Half of a small encoder, and most of one that reads many languages, are the vectors of its tokens; a dense gradient of
    them, and its update, would cost as much as all layers.

    Args:
        own: the encoder's embedding.

    Shape:
        tokens of any shape -> one vector each, of the encoder's width.
    """

    def __init__(self, own: nn.Embedding) -> None:
        super().__init__()
        with torch.device("meta"):
            self.table = FusedEmbedding(own.num_embeddings, own.embedding_dim, nothing=own.padding_idx == 0)
        weight = own.weight
        assert isinstance(weight, nn.Parameter)
        self.table.weight = weight
        # In a list, so that it is no part of this module.
        self._own = [own]

    def forward(self, ids: Int[Tensor, "..."]) -> Float[Tensor, "... D"]:
        """Look tokens up."""
        return self.table.look_up(ids.flatten()).view(*ids.shape, self.table.width)

    @property
    def weight(self) -> nn.Parameter:
        """The vectors of all tokens, `[V, D]`, as an embedding has them."""
        return self.table.weight

    @property
    def own(self) -> nn.Embedding:
        """What it stands for."""
        return self._own[0]
