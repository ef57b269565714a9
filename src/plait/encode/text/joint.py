"""Texts made of several: what a tokenizer puts between the parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from plait.schema import JOINT

__all__ = ["Marks", "parted"]


@runtime_checkable
class Marks(Protocol):
    """The tokens of a tokenizer that may stand between texts."""

    sep_token: str | None
    eos_token: str | None


def parted(texts: Sequence[str], tokenizer: Marks) -> list[str]:
    """Put the tokenizer's own separator between the parts of texts that are made of several.

    That is `[SEP]` for BERT; a model without one gets its end of text, or a new line.
    """
    mark = tokenizer.sep_token or tokenizer.eos_token or "\n"
    return [text.replace(JOINT, f" {mark} ") if JOINT in text else text for text in texts]
