"""Information that is passed from task to task along a chain."""

import math
from collections.abc import Sequence
from typing import ClassVar, Literal, final

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from plait.schema import TaskKind
from plait.tasks.base import Event, Head
from plait.tasks.relations.relation import Linked, Relation, RelationSettings, Told

__all__ = ["AITM"]


@final
class AITM(Relation):
    """Let a child weigh, example by example, what its parents know against what it knows.

        z = sum over u of w_u V u,    w = softmax over u of <Q u, K u> / sqrt(H),    u in {q, g(z_1), ..., g(z_k)}

    with q the child's vector from the body, z_i what the head of its i-th parent reads, g one layer with ReLU for each
    parent, and Q, K, V linear layers without bias. The loss adds what is above a parent's chance:

        + alpha * sum over parents i of max(0, p_child - p_i)

    which keeps the order softly. With `order: exact` the chance is instead linked as in `ESMM`, the order holds exactly, and
    alpha has nothing to do.

    Args:
        width: H.
        parents: k.
        settings: the order, and alpha.

    References:
        Xi et al.: Modeling the Sequential Dependence among Audience Multi-step Conversions (AITM), KDD 2021,
        https://arxiv.org/abs/2105.08489. There every task has one parent, and the towers come before the transfer; here the
        body's vectors are transferred, and the child's tower reads the result.

    Relations:
        `DBMTL` reads the parents' vectors as they are, for every kind of task.
    """

    class Settings(RelationSettings):
        """Parents' knowledge, weighed by attention."""

        kind: Literal["aitm"] = "aitm"
        order: Literal["soft", "exact"] = "soft"
        """Whether a chance above that of a parent costs something, or cannot be."""
        calibrator: float = Field(default=0.6, ge=0)
        """alpha: what a chance above that of a parent costs."""
        children: ClassVar[frozenset[TaskKind]] = frozenset({"binary"})
        parents: ClassVar[frozenset[TaskKind]] = frozenset({"binary"})
        reason: ClassVar[str] = "its loss compares chances; other kinds can learn from a parent with `chain: dbmtl`"

        def exact(self) -> bool:
            """Say whether the order holds exactly."""
            return self.order == "exact"

    reads_vectors = True

    def __init__(self, width: int, parents: int, settings: Settings) -> None:
        super().__init__()
        self.exact = settings.exact()
        self.calibrator = 0.0 if self.exact else settings.calibrator
        self.reads_chances = self.calibrator > 0
        self.transfer = nn.ModuleList(nn.Sequential(nn.Linear(width, width), nn.ReLU()) for _ in range(parents))
        self.query, self.key, self.value = (nn.Linear(width, width, bias=False) for _ in range(3))

    def read(self, own: Float[Tensor, "B H"], parents: Sequence[Float[Tensor, "B H"]]) -> Float[Tensor, "B H"]:
        """Weigh the child's vector and what the parents pass on."""
        passed = [transfer(parent) for transfer, parent in zip(self.transfer, parents, strict=True)]
        known = torch.stack([own.to(passed[0].dtype), *passed], dim=1)
        fit = (self.query(known) * self.key(known)).float().sum(dim=2) / math.sqrt(own.shape[1])
        weight = torch.softmax(fit, dim=1).to(known.dtype)
        mixed: Tensor = (weight[:, :, None] * self.value(known)).sum(dim=1)
        return mixed

    def losses(self, head: Head, linked: Linked, told: Told) -> Float[Tensor, "B"]:
        """Add the calibrator to the loss of each example."""
        each = head.losses(linked.output, told.label, told.group)
        if not self.reads_chances:
            return each
        assert isinstance(head, Event)
        chance = torch.sigmoid(head.log_odds(linked.output))
        above = torch.stack([torch.relu(chance - torch.sigmoid(parent)) for parent in linked.parents])
        return each + self.calibrator * above.sum(dim=0)
