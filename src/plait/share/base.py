"""The contract of sharing: one vector per example and role in, one vector per example and task out."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

from jaxtyping import Float, Int
from torch import Tensor, nn

from plait import schema
from plait.errors import RecipeError, nearest
from plait.share.parts import parts_of

__all__ = ["Inputs", "Sharing", "SharingSettings"]


@final
@dataclass(frozen=True, slots=True)
class Inputs:
    """What a body is told of the joint input before it reads any."""

    width: int
    """D."""
    spans: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """`role/table.column` -> where the feature lies in the joint input."""
    sizes: Mapping[str, int] = field(default_factory=dict)
    """`table.column` of ids and categories with one value -> how many codes it has, "not seen in training" included."""
    tasks: Sequence[str] = ()
    """The names of the tasks, in the order of their numbers."""

    def places(self, feature: str) -> list[tuple[int, int]]:
        """Return where a feature lies, once for each role that has it.

        Raises:
            RecipeError: the joint input holds no such feature.
        """
        found = [span for name, span in self.spans.items() if name.partition("/")[2] == feature]
        if not found:
            known = sorted({name.partition("/")[2] for name in self.spans})
            raise RecipeError(
                f"`model.sharing` should name features that tasks read, as `table.column`. Found `{feature}`."
                f"{nearest(feature, known)}"
            )
        return found


class SharingSettings(schema.Settings, ABC):
    """The base of every body's settings; each adds its `kind` and says how its body is built."""

    @abstractmethod
    def build(self, inputs: Inputs, tasks: int) -> "Sharing":
        """Build the body.

        Args:
            inputs: the joint input it will read.
            tasks: T.

        Raises:
            RecipeError: the settings name a feature that the input does not hold.
        """

    def named_features(self) -> list[str]:
        """Return the `table.column` of every feature that the settings name, so that it is missed early; none by default."""
        return []

    def views(self, tasks: int) -> int:
        """Return how many embeddings of the input the body wants for that many tasks."""
        return 1

    def problems(self, tasks: Sequence[str]) -> list[str]:
        """Return what does not fit the tasks of the recipe, a sentence each; nothing by default.

        A body built for some of these tasks only, as where one is trained alone, should still work.
        """
        return []


class Sharing(nn.Module, ABC):
    """Turn the joint input of a batch into one vector per task.

    Every task may read what it wants of the input, and the parts that several tasks read are where they help or hurt each
    other. An implementation knows neither tables nor losses: it is given a width and a number of tasks.

    Attributes:
        views: how many embeddings of the input it wants (STEM wants one per task and a shared one).
        width: H, the length of the vector each task gets.
        domain: the `table.column` that says which domain an example belongs to, where the body wants to know.
    """

    views: int = 1
    width: int
    domain: str | None = None

    @abstractmethod
    def forward(
        self, x: Float[Tensor, "views B D"], tasks: Sequence[int], domains: Int[Tensor, "B"] | None = None
    ) -> Float[Tensor, "t B H"]:
        """Compute the vectors of some tasks.

        Args:
            x: the joint input.
            tasks: which tasks' vectors are wanted, by number; only these are computed, so that examples of one table do not
                pay for the tasks of another.
            domains: the number of each example's domain, 0 where it is unknown; nothing unless `domain` asks for it.

        Returns:
            One vector per example for each of `tasks`, in their order.
        """

    def gates(self, x: Float[Tensor, "views B D"], tasks: Sequence[int]) -> dict[str, Float[Tensor, "t E"]]:
        """Return how much each task leans on each expert, averaged over the batch, per level; empty where there are none."""
        return {}

    def own(self, task: int) -> list[nn.Parameter]:
        """Return the parameters that only this task moves; balancing leaves them alone. None by default."""
        return []

    def private(self, task: int) -> list[nn.Parameter]:
        """Return those of `own` that no other task's vector depends on, so that they may be tuned alone; all by default."""
        return self.own(task)

    def parts(self) -> dict[str, list[nn.Parameter]]:
        """Return all parameters of the body by the part they make up, such as `experts` or `level 1 shared experts`.

        A part is what lies directly in the body under one name. Where a body holds a list of modules that hold lists
        themselves, those are its levels, and each has parts of its own.
        """
        return parts_of(self)

    def penalty(self) -> Float[Tensor, ""] | None:
        """Return what the passes since the last call add to the objective of the body, and forget it; nothing by default.

        It is added once per step, whatever the balancer does with the losses. With gradient only in training.
        """
        return None

    def __call__(
        self, x: Float[Tensor, "views B D"], tasks: Sequence[int], domains: Int[Tensor, "B"] | None = None
    ) -> Float[Tensor, "t B H"]:
        """Call `forward`; declared again so that a caller gets checked types."""
        return super().__call__(x, tasks, domains)  # type: ignore[no-any-return]
