"""Texts to tokens with a pretrained model's tokenizer: what preparation keeps for an encoder inside the model."""

from typing import final

import numpy as np
from jaxtyping import Int32, Int64

from plait.encode.pretrained.find import find_model, fingerprint, width_of
from plait.encode.text.joint import parted
from plait.encode.text.load import Pretrained, load_pretrained
from plait.encode.text.read import clean, need_windows
from plait.encode.text.settings import Text

__all__ = ["TextTokens"]


@final
class TextTokens:
    """Read texts as the tokens of a pretrained model, its marks of beginning and end among them.

    Where long texts are read in windows, those of a text stand one behind another, all but the last as long as a window can
    be. The tokenizer is loaded at the first text.

    Args:
        settings: which model, and how many tokens of a text are read.

    Attributes:
        dim: length of the vector that the model makes of a text.
        fingerprint: changes when the model or the reading of texts changes.

    Raises:
        RecipeError: the model is nowhere to be found, or is no text encoder.
    """

    def __init__(self, settings: Text.Settings) -> None:
        self.settings = settings
        self.folder = find_model(settings.model)
        self.dim = width_of(self.folder)
        self.fingerprint = fingerprint(self.folder, f"tokens:{settings.max_tokens}:{settings.long}:{settings.prefix}")
        self._loaded: Pretrained | None = None

    def read(
        self, texts: list[str], offsets: bool = False
    ) -> tuple[Int32[np.ndarray, " tokens"], Int64[np.ndarray, " n"], Int32[np.ndarray, "tokens 2"] | None]:
        """Read texts.

        Args:
            texts: any strings.
            offsets: whether to say where each token stands in its text, in characters.

        Returns:
            All tokens, how many each text has, and where asked the first character of each token and the one after its
            last; both 0 for marks.
        """
        if not texts:
            return np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros((0, 2), np.int32) if offsets else None
        loaded, windows = self._load(), self.settings.long == "pool"
        need_windows(loaded, self.settings.long)
        found = loaded.tokenizer(
            parted([self.settings.prefix + clean(text) for text in texts], loaded.tokenizer),
            truncation=True,
            max_length=min(self.settings.max_tokens, loaded.max_tokens),
            return_overflowing_tokens=windows,
            return_offsets_mapping=offsets,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
        )
        rows: list[list[int]] = found["input_ids"]
        sizes = np.fromiter(map(len, rows), np.int64, len(rows))
        owners = np.asarray(found["overflow_to_sample_mapping"] if windows else range(len(rows)), np.int64)
        lengths = np.bincount(owners, sizes, minlength=len(texts)).astype(np.int64)
        tokens = np.fromiter((token for row in rows for token in row), np.int32, int(sizes.sum()))
        if not offsets:
            return tokens, lengths, None
        spans = np.array([span for row in found["offset_mapping"] for span in row], np.int32).reshape(-1, 2)
        return tokens, lengths, np.maximum(spans - len(self.settings.prefix), 0)

    def spell(self, tokens: list[int]) -> str:
        """Write tokens as a text."""
        return str(self._load().tokenizer.decode(tokens, skip_special_tokens=True)).strip()

    def _load(self) -> Pretrained:
        if self._loaded is None:
            self._loaded = load_pretrained(self.folder)
        return self._loaded
