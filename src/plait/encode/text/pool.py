"""The states of a text's tokens → the text's one vector."""

from typing import Literal

import torch
from jaxtyping import Float, Integer
from torch import Tensor

__all__ = ["Pooling", "pool"]

Pooling = Literal["mean", "first", "last"]
"""The mean of all tokens, the first token (BERT's `[CLS]`), or the last (which alone has read all of it in a decoder)."""


def pool(states: Float[Tensor, "B L width"], seen: Integer[Tensor, "B L"], how: Pooling) -> Float[Tensor, "B width"]:
    """Make one vector per text of its tokens' states.

    Padding may stand on either side; a row that holds nothing but padding becomes zeros.

    Args:
        states: of the last layer.
        seen: 1 where a token stands, 0 where padding does.
        how: which states count.

    Shape:
        B texts, L the longest one's tokens.
    """
    if how == "mean":
        weight = seen.to(states.dtype)
        return torch.einsum("blw,bl->bw", states, weight) / weight.sum(1, keepdim=True).clamp(min=1)
    places = torch.arange(1, seen.shape[1] + 1, device=seen.device) * seen
    place = places.argmax(1) if how == "last" else seen.argmax(1)
    picked = states[torch.arange(len(states), device=states.device), place]
    return picked * seen.any(1, keepdim=True)
