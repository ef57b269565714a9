"""Texts → token numbers, long ones cut or in windows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Int32, Int64

from plait.encode.text.joint import parted
from plait.encode.text.load import Pretrained
from plait.errors import RecipeError

__all__ = ["Windows", "clean", "need_windows", "read_texts"]


@dataclass(frozen=True)
class Windows:
    """Token numbers, one window of a text behind the other.

    Attributes:
        ids: of all windows.
        starts: where each window starts in `ids`, and at the end their length.
        texts: the number of the text that each window is of.
    """

    ids: Int32[np.ndarray, " tokens"]
    starts: Int64[np.ndarray, " windows_and_1"]
    texts: Int64[np.ndarray, " windows"]

    @property
    def lengths(self) -> Int64[np.ndarray, " windows"]:
        """Tokens of each window."""
        return np.diff(self.starts)


def clean(text: str) -> str:
    """Return a text that every tokenizer takes: stripped, halves of a character that stand alone replaced."""
    text = text.strip()
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def read_texts(loaded: Pretrained, texts: Sequence[str], most: int, long: Literal["cut", "pool"] = "cut") -> Windows:
    """Turn texts into token numbers.

    Args:
        loaded: whose tokenizer.
        texts: after `clean`.
        most: how many tokens a window holds at most.
        long: `cut` leaves out what is beyond `most` tokens, `pool` reads it in further windows.

    Raises:
        RecipeError: the model's tokenizer cannot give windows.
    """
    most = min(most, loaded.max_tokens)
    need_windows(loaded, long)
    if not texts:
        return Windows(np.zeros(0, np.int32), np.zeros(1, np.int64), np.zeros(0, np.int64))
    found = loaded.tokenizer(
        parted(texts, loaded.tokenizer),
        truncation=True,
        max_length=most,
        return_overflowing_tokens=long == "pool",
        return_attention_mask=False,
        return_token_type_ids=False,
        verbose=False,
    )
    rows: list[list[int]] = found["input_ids"]
    numbers = found["overflow_to_sample_mapping"] if long == "pool" else range(len(rows))
    lengths = np.fromiter((len(row) for row in rows), np.int64, len(rows))
    return Windows(
        ids=np.fromiter((token for row in rows for token in row), np.int32, int(lengths.sum())),
        starts=np.concatenate([np.zeros(1, np.int64), lengths.cumsum()]),
        texts=np.asarray(list(numbers), np.int64),
    )


def need_windows(loaded: Pretrained, long: Literal["cut", "pool"]) -> None:
    """Make sure that a tokenizer can cut texts into windows, where that is asked for.

    Raises:
        RecipeError: it cannot.
    """
    if long == "pool" and not loaded.tokenizer.is_fast:
        raise RecipeError(
            "`model.text.long: pool` should be asked of a model with a tokenizer.json, because others cannot cut a text "
            f"into windows. Found a {type(loaded.tokenizer).__name__}. Say `long: cut`."
        )
