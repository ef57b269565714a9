"""What heads of tokens are told of a tokenizer: which tokens are marks, which go on with a word, which hides others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from plait.layout import Alphabet

if TYPE_CHECKING:
    from plait.encode.text.load import Pretrained

__all__ = ["alphabet_of", "embeddings_of"]


def alphabet_of(loaded: Pretrained) -> Alphabet:
    """Describe the tokens of a pretrained model.

    Whether a token goes on with the word before it shows in how tokenizers write it: `##ing` (WordPiece), or without the
    mark of a blank that begins a word (`Ġthe` of byte pairs, `▁the` of SentencePiece).
    """
    words = loaded.tokenizer.get_vocab()
    size, embedding = embeddings_of(loaded).shape
    special = sorted({number for number in loaded.tokenizer.all_special_ids if number < size})
    marks = set(special)
    if any(word.startswith("##") for word in words):
        inner = [number for word, number in words.items() if word.startswith("##")]
    else:
        blank = next((mark for mark in ("Ġ", "▁") if any(word.startswith(mark) for word in words)), "")
        inner = [number for word, number in words.items() if not word.startswith(blank) and number not in marks]
    return Alphabet(
        size=size,
        special=[*special, *range(len(words), size)],
        inner=sorted(number for number in inner if number < size),
        mask=loaded.tokenizer.mask_token_id,
        states=loaded.width,
        embedding=embedding,
    )


def embeddings_of(loaded: Pretrained) -> Tensor:
    """Return the vectors of the tokens themselves, `[V, E]`."""
    weights = loaded.model.get_input_embeddings().weight
    assert isinstance(weights, Tensor)
    return weights
