"""The settings of the text encoder. Pydantic only, no torch, so that a recipe is read in no time."""

from __future__ import annotations

from typing import Literal, final

from pydantic import Field

from plait import schema

__all__ = ["Text"]


@final
class Text:
    """The reading of texts; it only names its settings, as every part does."""

    @final
    class Settings(schema.Settings):
        """The pretrained text encoder."""

        model: str = "all-MiniLM-L6-v2"
        """A Hugging Face name, a local folder or a GGUF file; the default comes as a package and is never downloaded."""
        tune: Literal["frozen"] = "frozen"
        """`frozen`: every text is encoded once, in preparation."""
        max_tokens: int = Field(default=256, ge=1)
        """Tokens that are read at once; never more than the model can read."""
        pooling: Literal["auto", "mean", "first", "last"] = "auto"
        """Which of a text's token states make its vector; `auto` does as the model was made for."""
        long: Literal["cut", "pool"] = "cut"
        """What becomes of a text's rest: left out, or read in windows whose vectors are averaged by their lengths."""
        prefix: str = ""
        """Put before every text, where an encoder was trained to read it so (`query: `, `passage: `)."""
