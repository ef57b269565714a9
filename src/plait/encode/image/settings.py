"""The settings of the picture encoder. Pydantic only, no torch, so that a recipe is read in no time."""

from __future__ import annotations

from typing import Literal, final

from pydantic import Field

from plait import schema

__all__ = ["Image"]


@final
class Image:
    """The reading of pictures; it only names its settings, as every part does."""

    @final
    class Settings(schema.Settings):
        """The pretrained picture encoder."""

        model: str = "efficientnet-lite0"
        """`efficientnet-lite0` (comes as a package), a Hugging Face name (`timm/...` among them), or a local folder."""
        size: int | None = Field(default=None, ge=16, le=1024)
        """Side of the square that is read, in pixels; the model's own where not said."""
        crop: float | None = Field(default=None, gt=0, le=1)
        """Share of the picture's shorter side that the square shows, around its middle; the model's own where not said."""
        pooling: Literal["auto", "first", "mean"] = "auto"
        """For models of transformers: the first token's state or the mean makes the vector; `auto` as it was made for."""
