"""The contract of a task that says something at every token of a text."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

__all__ = ["Script", "TokenHead", "flags", "marked", "sums"]


@final
@dataclass(frozen=True, slots=True)
class Script:
    """The texts of a batch's examples as tokens, each distinct text once, on the device.

    Attributes:
        ids: the tokens of all U texts one behind another, as they stand there.
        lengths: how many tokens each text has.
        keys: a number for each text that depends on its tokens alone.
        of: which text each example has.
        turn: a number of the step, for what is drawn anew in each; 0 in evaluation.
        embeddings: the encoder's vectors of its tokens.
    """

    ids: Int[Tensor, " tokens"]
    lengths: Int[Tensor, " U"]
    keys: Int[Tensor, " U"]
    of: Int[Tensor, " B"]
    turn: int
    embeddings: Float[Tensor, "V E"]

    @property
    def starts(self) -> Int[Tensor, " U"]:
        """Where each text's tokens start."""
        return self.lengths.cumsum(0) - self.lengths

    def text(self) -> Int[Tensor, " tokens"]:
        """Return which text each token belongs to."""
        return torch.repeat_interleave(self.lengths, output_size=self.ids.shape[0])

    def spread(self) -> tuple[Int[Tensor, " T"], Int[Tensor, " T"]]:
        """Return for the tokens of all examples, text by text, where each is among `ids`, and whose it is."""
        lengths = self.lengths.index_select(0, self.of)
        whose = torch.repeat_interleave(lengths)
        before = (lengths.cumsum(0) - lengths).index_select(0, whose)
        starts = self.starts.index_select(0, self.of).index_select(0, whose)
        return starts + torch.arange(whose.shape[0], device=whose.device) - before, whose


class TokenHead(nn.Module, ABC):
    """Predict one task from the states of its text's tokens, and from its vector.

    Attributes:
        metric: the metric that decides for this kind of task, as `plait.measure` names it.
        listens: whether it reads the task's vector; if not, the body is not run for it.
        spells: whether it reads the vectors of tokens that are not in the texts.
    """

    metric: ClassVar[str]
    listens: ClassVar[bool]
    spells: ClassVar[bool] = False

    def shown(self, script: Script) -> Int[Tensor, " tokens"]:
        """Return the tokens that the encoder is to read in place of the script's own; those very tokens where not said."""
        return script.ids

    @abstractmethod
    def forward(
        self, states: Float[Tensor, "tokens D"], hidden: Float[Tensor, "B H"], script: Script
    ) -> Float[Tensor, "T O"]:
        """Compute the raw outputs at those tokens where something is said.

        Args:
            states: what the encoder made of `shown`.
            hidden: the task's vector; of length 0 where the head does not listen.
            script: the texts.
        """

    @abstractmethod
    def losses(self, output: Float[Tensor, "T O"], label: Float[Tensor, "B L"], script: Script) -> Float[Tensor, " B"]:
        """Compute the loss of each example; 0 where its text has no token to say something at.

        Args:
            output: what `forward` returned, in float32.
            label: as prepared; only examples with a label are passed.
            script: the texts.
        """

    @abstractmethod
    def predict(self, output: Float[Tensor, "T O"], script: Script) -> Float[Tensor, "B P"]:
        """Return what `plait.measure` reads of each example; P may differ from batch to batch, -1 is padding."""

    def __call__(
        self, states: Float[Tensor, "tokens D"], hidden: Float[Tensor, "B H"], script: Script
    ) -> Float[Tensor, "T O"]:
        """Call `forward`; declared again so that a caller gets checked types."""
        return super().__call__(states, hidden, script)  # type: ignore[no-any-return]


def marked(label: Float[Tensor, "B L"], lengths: Int[Tensor, " B"]) -> Int[Tensor, " T"]:
    """Write phrases as one tag per token of the examples: 0 outside, 1 the first of a phrase, 2 further ones.

    Args:
        label: first and last token of each phrase, from the start of its text; -1 is padding.
        lengths: how many tokens each example's text has.
    """
    pairs = label.long().reshape(label.shape[0], label.shape[1] // 2, 2)
    base = (lengths.cumsum(0) - lengths)[:, None]
    there = pairs[:, :, 0] >= 0
    first, behind = (base + pairs[:, :, 0])[there], (base + pairs[:, :, 1] + 1)[there]
    change = lengths.new_zeros(int(lengths.sum()) + 1)
    ones = torch.ones_like(first)
    inside = change.index_add(0, first, ones).index_add(0, behind, -ones).cumsum(0)[:-1]
    return (2 * inside).index_fill(0, first, 1)


def sums(values: Float[Tensor, " T"], whose: Int[Tensor, " T"], examples: int) -> Float[Tensor, " B"]:
    """Add up numbers of tokens by example."""
    return values.new_zeros(examples).index_add(0, whose, values)


def flags(numbers: Sequence[int], size: int) -> Bool[Tensor, " V"]:
    """Say of each of `size` tokens whether its number is among some."""
    return torch.zeros(size, dtype=torch.bool).index_fill(0, torch.tensor(numbers, dtype=torch.int64), True)
