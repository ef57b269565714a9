"""The contract of a relation: what a task takes from the tasks it is given."""

from abc import ABC
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from plait import schema
from plait.schema import TaskKind
from plait.tasks.base import Head

__all__ = ["Linked", "Relation", "RelationSettings", "Told", "both"]


def both(
    first: Float[Tensor, "*shape"],
    second: Float[Tensor, "*shape"],
) -> Float[Tensor, "*shape"]:
    """Return the log odds that two things happen whose chances multiply.

        logit(sigmoid(a) sigmoid(b)) = -logsumexp(-a, -b, -a - b)

    It is finite where the product of chances is 0 or 1 in float32, and never above a or b: a logsumexp is never below its
    largest term, rounding included.
    """
    return -torch.logsumexp(torch.stack([-first, -second, -first - second]), dim=0)


@final
@dataclass(frozen=True, slots=True)
class Linked:
    """One task's examples after the chain."""

    vector: Float[Tensor, "B H"]
    """What the head read."""
    alone: Float[Tensor, "B O"]
    """What the head said, in float32."""
    output: Float[Tensor, "B O"]
    """What counts: the same, tied to the chances of the tasks it is given where the relation ties them."""
    condition: Float[Tensor, "B"] | None
    """Log odds that everything the task is given happens, where the relation ties them."""
    parents: tuple[Float[Tensor, "B"], ...]
    """Log odds of each task it is given, where the relation asks for them."""

    def pick(self, rows: Int[Tensor, " b"] | None) -> "Linked":
        """Return some examples; all of them where nothing is said."""
        if rows is None:
            return self
        return Linked(
            self.vector.index_select(0, rows),
            self.alone.index_select(0, rows),
            self.output.index_select(0, rows),
            None if self.condition is None else self.condition.index_select(0, rows),
            tuple(parent.index_select(0, rows) for parent in self.parents),
        )


@final
@dataclass(frozen=True, slots=True)
class Told:
    """What the table says of the same examples."""

    label: Float[Tensor, "B L"]
    """As prepared; only rows with a label are passed."""
    group: Int[Tensor, "B"] | None
    """For ranking, which list each example belongs to."""
    happened: Float[Tensor, "B"]
    """1 where every task it is given happened, 0 where one did not, NaN where no label says so."""


class RelationSettings(schema.Settings):
    """The base of every relation's settings.

    Attributes:
        children: kinds of task that can be given others in this way.
        parents: kinds of task that others can be given in this way.
        reason: why no other kinds, and what to do.
    """

    children: ClassVar[frozenset[TaskKind]]
    parents: ClassVar[frozenset[TaskKind]]
    reason: ClassVar[str]

    def exact(self) -> bool:
        """Say whether the task's chance is tied to those of its parents, so that it is never above them."""
        return False


class Relation(nn.Module, ABC):
    """What one task takes from the tasks it is given: their vectors, their chances, or both.

    The defaults take nothing.

    Attributes:
        exact: whether the task's chance is a share of the chances of the tasks it is given, so that it is never above them.
        reads_vectors: whether the head reads something of their vectors.
        reads_chances: whether the loss looks at their chances.
    """

    exact: bool = False
    reads_vectors: bool = False
    reads_chances: bool = False

    def read(self, own: Float[Tensor, "B H"], parents: Sequence[Float[Tensor, "B H"]]) -> Float[Tensor, "B H"]:
        """Return what the head reads.

        Args:
            own: the task's vector, from the body.
            parents: what the heads of the tasks it is given read, in the order of the recipe.
        """
        return own

    def losses(self, head: Head, linked: Linked, told: Told) -> Float[Tensor, "B"]:
        """Compute the loss of each example."""
        return head.losses(linked.output, told.label, told.group)
