"""The settings of the text encoder. Pydantic only, no torch, so that a recipe is read in no time."""

from __future__ import annotations

from typing import Final, Literal, final

from pydantic import Field, model_validator

from plait import schema

__all__ = ["Text"]

_RATES: Final = {"frozen": 0.0, "lora": 1e-3, "full": 5e-5}
"""Learning rates that go with each way of tuning where the recipe names none."""


@final
class Text:
    """The reading of texts; it only names its settings, as every part does."""

    @final
    class Settings(schema.Settings):
        """The pretrained text encoder."""

        model: str = "all-MiniLM-L6-v2"
        """A Hugging Face name, a local folder or a GGUF file; the default comes as a package and is never downloaded."""
        tune: Literal["frozen", "lora", "full"] = "frozen"
        """`frozen`: every text is encoded once, in preparation. `lora`: low-rank adapters are trained with the tasks.
        `full`: all of the encoder is."""
        max_tokens: int = Field(default=256, ge=1)
        """Tokens that are read at once; never more than the model can read."""
        pooling: Literal["auto", "mean", "first", "last"] = "auto"
        """Which of a text's token states make its vector; `auto` does as the model was made for."""
        long: Literal["cut", "pool"] = "cut"
        """What becomes of a text's rest: left out, or read in windows whose vectors are averaged by their lengths."""
        prefix: str = ""
        """Put before every text, where an encoder was trained to read it so (`query: `, `passage: `)."""
        layers: int | None = Field(default=None, ge=1)
        """How many of the topmost layers are tuned. What is below them stays as it is and costs no way back; where not said,
        all layers are tuned, and with `full` the tokens' vectors too."""
        learning_rate: float | None = Field(default=None, gt=0)
        """Of the encoder's topmost layer; chosen to go with `tune` where not said. It rises and falls as `train` says."""
        layer_decay: float = Field(default=1.0, gt=0, le=1)
        """How much smaller the learning rate of each layer is than that of the layer above."""
        unfreeze: Literal["all", "gradual"] = "all"
        """`gradual`: training begins with the encoder as it is; its layers join from the top down, all by half way."""
        checkpoint: bool = False
        """Whether states inside the layers are computed again on the way back, which takes longer and less memory."""
        rank: int = Field(default=8, ge=1)
        """`lora`: rank of an adapter."""
        alpha: float | None = Field(default=None, gt=0)
        """`lora`: an adapter's output is multiplied by alpha / rank; twice the rank where not said."""
        dropout: float = Field(default=0.05, ge=0, lt=1)
        """`lora`: share of an adapter's input that is left out in training."""
        targets: Literal["auto"] | list[str] = "auto"
        """`lora`: names of the linear maps that get an adapter; `auto` takes all in the layers."""

        adapters: Literal["shared", "per_task"] = "shared"
        """`lora`: whether all tasks train the same adapters, or each has its own on one frozen body."""

        @model_validator(mode="after")
        def _per_task(self) -> Text.Settings:
            if self.adapters == "per_task" and (self.tune != "lora" or self.checkpoint):
                raise ValueError(
                    "`adapters: per_task` should go with `tune: lora` and without `checkpoint`, since only adapters are "
                    f"trained. Found `tune: {self.tune}`, `checkpoint: {str(self.checkpoint).lower()}`"
                )
            return self

        @model_validator(mode="after")
        def _some_layers(self) -> Text.Settings:
            if self.layers is not None and self.tune == "frozen":
                raise ValueError(
                    "`layers` says how many layers are tuned, and should go with `tune: lora` or `tune: full`. Found "
                    f"`layers: {self.layers}`, `tune: frozen`"
                )
            return self

        @property
        def rate(self) -> float:
            """The learning rate of the topmost layer."""
            return self.learning_rate or _RATES[self.tune]
