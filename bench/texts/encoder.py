"""The pretrained encoder as a plain loop of Hugging Face uses it: padded to the longest, the mean of the token states."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformers import AutoModel, AutoTokenizer

from plait.encode.pretrained.find import find_model

__all__ = ["MeanEncoder", "by_length"]

_ROWS = 32


class MeanEncoder(nn.Module):
    """Turn texts into the means of their token states.

    Args:
        model: its name.
        tokens: how many of a text's tokens are read.
    """

    def __init__(self, model: str, tokens: int) -> None:
        super().__init__()
        folder = find_model(model)
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.body = AutoModel.from_pretrained(folder)
        self.tokens = tokens
        self.width = int(self.body.config.hidden_size)

    def read(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the tokens of texts."""
        found: list[list[int]] = self.tokenizer(list(texts), truncation=True, max_length=self.tokens)["input_ids"]
        return found

    def states(self, read: Sequence[list[int]]) -> tuple[Float[Tensor, "B L D"], Tensor]:
        """Return the states of some texts' tokens, and which are there."""
        made = self.tokenizer.pad({"input_ids": list(read)}, return_tensors="pt")
        states: Tensor = self.body(input_ids=made["input_ids"], attention_mask=made["attention_mask"]).last_hidden_state
        return states, made["attention_mask"]

    def forward(self, read: Sequence[list[int]]) -> Float[Tensor, "B D"]:
        """Encode texts that were read."""
        states, seen = self.states(read)
        weights = seen[:, :, None].to(states.dtype)
        return (states * weights).sum(1) / weights.sum(1)

    def vectors(self, texts: Sequence[str], bf16: bool) -> Float[np.ndarray, "N D"]:
        """Encode texts without training, each vector of length one."""
        read = self.read(texts)
        found = np.zeros((len(read), self.width))
        self.eval()
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            for rows in by_length(read):
                found[rows] = nn.functional.normalize(self([read[row] for row in rows]).float(), dim=1).double().numpy()
        return found


def by_length(read: Sequence[list[int]]) -> list[np.ndarray]:
    """Return rows of texts of like length, a batch each."""
    order = np.argsort([len(one) for one in read], kind="stable")
    return np.array_split(order, max(1, len(order) // _ROWS))
