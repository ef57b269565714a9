"""The settings of training. Pydantic only, no torch, so that a recipe is read in no time."""

from __future__ import annotations

from typing import Literal, final

from pydantic import Field

from plait import schema

__all__ = ["Train"]


@final
class Train:
    """Training; it only names its settings, as every part does."""

    @final
    class Settings(schema.Settings):
        """How a model is trained."""

        epochs: int = Field(default=6, ge=1)
        """Passes over the training part, fewer where `patience` runs out."""
        batch: int = Field(default=1024, ge=1)
        """Rows per step, of the largest table where a step draws from several."""
        accumulate: int = Field(default=1, ge=1)
        """Batches whose gradients are added up before one update."""
        learning_rate: float = Field(default=0.003, gt=0)
        """Of everything but embeddings (AdamW)."""
        embedding_learning_rate: float | None = Field(default=None, gt=0)
        """Of the rows of embeddings; chosen to go with `embedding_optimiser` where not said."""
        embedding_optimiser: Literal["adam", "adagrad"] = "adagrad"
        """Row-wise: `adam` keeps a mean per number and a scale per row, `adagrad` only the scale, a third of the memory."""
        weight_decay: float = Field(default=0.01, ge=0)
        """Of weight matrices; never of embeddings, norms and biases."""
        warmup: float = Field(default=0.05, ge=0, le=1)
        """Share of all steps in which the learning rate rises from 0."""
        schedule: Literal["cosine", "constant"] = "cosine"
        """What the learning rate does after the warm-up: falls to 0 along a cosine, or stays."""
        clip: float | None = Field(default=10.0, gt=0)
        """The longest a gradient may be; none where null."""
        mix: Literal["joint", "alternate", "proportional"] = "joint"
        """Whose turn it is when tasks live in different tables."""
        negatives: int = Field(default=512, ge=0)
        """Candidates sampled per step for each retrieval or relatedness task, besides those of the batch."""
        patience: int = Field(default=2, ge=1)
        """Epochs without an improvement of any task's deciding metric after which training stops."""
        finish: Literal["none", "per_task"] = "none"
        """`per_task`: after the joint phase each task's own part is tuned alone, and kept where it is better."""
        finish_epochs: int = Field(default=3, ge=1)
        """Passes of that tuning."""
        precision: Literal["auto", "fp32", "bf16"] = "auto"
        """`bf16`: mixed precision by autocast. `auto`: that where the processor or GPU computes it natively."""
        device: str = "auto"
        """`cpu`, `cuda`, `cuda:1`, …; `auto` takes a GPU where there is one."""
        threads: int | None = Field(default=None, ge=1)
        """Threads of one operation; as many as torch finds where not said."""
        workers: int = Field(default=0, ge=0)
        """Threads that gather batches ahead; the batches are the same for any number."""
        checkpoint_every: int | None = Field(default=None, ge=1)
        """Steps between checkpoints, besides the one after every epoch."""
        max_skips: int = Field(default=10, ge=1)
        """Steps in a row skipped because a loss or gradient was not finite, after which training stops with exit code 3."""
        probes: int | None = Field(default=None, ge=0)
        """How often per epoch the gradients of the tasks are looked at, for the report; 0 for never. Where not said, up to
        eight times, as long as that takes a twentieth of the time or less, and at least six times in the whole training."""
