"""The contract of a task head: one vector per example in, a prediction and a loss per example out."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from jaxtyping import Float, Int
from torch import Tensor, nn

__all__ = ["Conditional", "Event", "Head", "TwoTower", "tower"]


def tower(width: int, layers: Sequence[int], outputs: int) -> nn.Sequential:
    """Build the layers of one task: `layers` with ReLU, then a linear layer to `outputs`."""
    parts: list[nn.Module] = []
    for size in layers:
        parts += [nn.Linear(width, size), nn.ReLU()]
        width = size
    return nn.Sequential(*parts, nn.Linear(width, outputs))


class Head(nn.Module, ABC):
    """Predict one task from its vector.

    Attributes:
        metric: the metric that decides for this kind of task, as `plait.measure` names it.
        levels: of which quantiles the last columns of `predict` are; none where they are no quantiles.
    """

    metric: ClassVar[str]
    levels: tuple[float, ...] = ()

    @abstractmethod
    def forward(self, hidden: Float[Tensor, "B H"]) -> Float[Tensor, "B O"]:
        """Compute the raw outputs (logits, or standardised values)."""

    @abstractmethod
    def losses(
        self, output: Float[Tensor, "B O"], label: Float[Tensor, "B L"], group: Int[Tensor, "B"] | None
    ) -> Float[Tensor, "B"]:
        """Compute the loss of each example.

        Args:
            output: what `forward` returned, in float32.
            label: the label as prepared (a 0 or 1, a class number, class numbers padded with -1, a value on the outside
                scale); only rows with a label are passed.
            group: for ranking, which list each example belongs to; for the others nothing.
        """

    @abstractmethod
    def predict(self, output: Float[Tensor, "B O"]) -> Float[Tensor, "B P"]:
        """Turn raw outputs into what a person reads: probabilities, or values on the label's scale."""

    @property
    @abstractmethod
    def columns(self) -> list[str]:
        """Name the P numbers of `predict`: `probability`, `value`, or the classes."""

    def __call__(self, hidden: Float[Tensor, "B H"]) -> Float[Tensor, "B O"]:
        """Call `forward`; declared again so that a caller gets checked types."""
        return super().__call__(hidden)  # type: ignore[no-any-return]


class Conditional(Head, ABC):
    """A head whose output can be tied to the chance of something that has to happen first."""

    @abstractmethod
    def under(self, output: Float[Tensor, "B O"], condition: Float[Tensor, "B"]) -> Float[Tensor, "B O"]:
        """Return the output for all examples, of one that holds where the condition happened; without it, there is nothing.

        Args:
            output: what `forward` returned, in float32.
            condition: log odds that the condition happens.
        """

    @abstractmethod
    def start(self, chance: float) -> None:
        """Begin where `under` gives the base rate when the condition happens with this chance."""


class Event(Conditional, ABC):
    """A head that says how likely something is to happen, so that others can be tied to it."""

    @abstractmethod
    def log_odds(self, output: Float[Tensor, "B O"]) -> Float[Tensor, "B"]:
        """Return the log odds that it happens, on the scale of the data."""


class TwoTower(nn.Module, ABC):
    """Match a query against the rows of a table: retrieval and relatedness.

    The query side is the task's vector; the candidate side is the row vector of the candidate's table, so that a candidate
    never seen in training still has a place.
    """

    metric: ClassVar[str]

    @abstractmethod
    def query(self, hidden: Float[Tensor, "B H"]) -> Float[Tensor, "B R"]:
        """Place queries in the common space."""

    @abstractmethod
    def candidates(self, rows: Float[Tensor, "N D"]) -> Float[Tensor, "N R"]:
        """Place candidates in the common space."""

    @abstractmethod
    def losses(
        self,
        query: Float[Tensor, "B R"],
        candidates: Float[Tensor, "N R"],
        items: Int[Tensor, "N"],
        log_q: Float[Tensor, "N"],
        label: Float[Tensor, "B L"],
    ) -> Float[Tensor, "B"]:
        """Compute the loss of each query.

        Args:
            query: the queries of the examples.
            candidates: the first B are the examples' own candidates in order, the rest are sampled negatives.
            items: row number of each candidate, so that a negative equal to a query's own candidate does not count.
            log_q: log of the chance that each candidate is drawn as a negative, for the popularity correction.
            label: for relatedness 0 or 1; for retrieval 1.
        """

    @abstractmethod
    def pair_scores(self, query: Float[Tensor, "B R"], candidates: Float[Tensor, "B R"]) -> Float[Tensor, "B"]:
        """Score one candidate per query: the logit that they belong together; the diagonal of `scores`."""

    @abstractmethod
    def scores(self, query: Float[Tensor, "B R"], candidates: Float[Tensor, "N R"]) -> Float[Tensor, "B N"]:
        """Score every candidate for every query; more is better."""
