"""A share of a chance, corrected for being seen only where its parent happened."""

from collections.abc import Sequence
from typing import ClassVar, Literal, final

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from plait.schema import TaskKind
from plait.tasks.base import Head, tower
from plait.tasks.relations.relation import Linked, Relation, RelationSettings, Told

__all__ = ["ESCM2"]


@final
class ESCM2(Relation):
    """Predict as `ESMM` does, and add the risk of the share itself, weighted so that the clicked stand for all.

        loss = g * l(z_child linked, y) + c * R
        ips:  R = o e / q
        dr:   R = d + o (e - d) / q + o (stop(e) - d)^2 / q

    with l the loss of the child's head, e = l(z_child, y) the error of the share alone, o whether every parent happened, q
    the predicted chance of that (the product over all ancestors, never below 1 / `clip`, and without gradient, so that the
    parents are not trained to make the child look good), d >= 0 the error that an imputation tower on the child's vector
    expects. `ips` is unbiased where q is right, `dr` where q or d is. stop(e) is e without gradient: the tower follows the
    error, not the error the tower.

    Where no label says whether the parents happened, an example adds to the first term only; the others of the batch are
    weighted up by as much, so that R stays a mean over all examples.

    Args:
        width: H.
        layers: widths of the imputation tower.
        settings: which estimator, and how much of it.

    References:
        Wang et al.: ESCM2: Entire Space Counterfactual Multi-Task Model, SIGIR 2022, https://arxiv.org/abs/2204.05125. There
        the parent's own loss is part of the sum; here it is the parent's task.

    Relations:
        One more tower under `dr` than `ESMM`. The order p_child <= p_parent holds exactly, as there.
    """

    class Settings(RelationSettings):
        """A share of the chance of what it is given, with the risk in the space where that happened."""

        kind: Literal["escm2"] = "escm2"
        risk: Literal["ips", "dr"] = "dr"
        """Inverse propensity, or doubly robust with an imputation tower."""
        counterfactual: float = Field(default=1.0, ge=0)
        """c: weight of the risk in the space where the parents happened."""
        entire: float = Field(default=1.0, ge=0)
        """g: weight of the loss on the entire space."""
        clip: float = Field(default=15.0, ge=1)
        """The most that one example may weigh."""
        children: ClassVar[frozenset[TaskKind]] = frozenset({"binary"})
        parents: ClassVar[frozenset[TaskKind]] = frozenset({"binary"})
        reason: ClassVar[str] = "its risk is that of a chance; for an amount take `chain: esmm`"

        def exact(self) -> bool:
            """Say that the order holds exactly."""
            return True

    exact = True

    def __init__(self, width: int, layers: Sequence[int], settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.imputation = tower(width, layers, 1) if settings.risk == "dr" else None

    def losses(self, head: Head, linked: Linked, told: Told) -> Float[Tensor, "B"]:
        """Compute both risks of each example."""
        assert linked.condition is not None
        error = head.losses(linked.alone, told.label, told.group)
        known = ~told.happened.isnan()
        inverse = (1 + torch.exp(-linked.condition.detach())).clamp(max=self.settings.clip)
        weight = torch.where(known, told.happened, 0.0) * inverse
        if self.imputation is None:
            risk = weight * error
        else:
            expected = functional.softplus(self.imputation(linked.vector).float()[:, 0])
            risk = expected + weight * (error - expected) + weight * (error.detach() - expected).square()
        risk = torch.where(known, risk, 0.0) * (len(known) / known.sum().clamp(min=1))
        entire = head.losses(linked.output, told.label, told.group)
        return self.settings.entire * entire + self.settings.counterfactual * risk
