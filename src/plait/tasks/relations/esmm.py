"""A chance as a share of another, trained on all examples."""

from typing import ClassVar, Literal, final

from plait.schema import TaskKind
from plait.tasks.relations.relation import Relation, RelationSettings

__all__ = ["ESMM"]


@final
class ESMM(Relation):
    """Predict the chance of a child as that of everything it is given times a share, and train it on the entire space.

        p_child = sigmoid(z_child) * product over all ancestors a of sigmoid(z_a)

    with z the outputs of the heads, each ancestor counted once however many ways lead to it. So p_child <= p_a for every
    ancestor a, whatever the heads say. For an amount, the expectation is that chance times the amount: mu = exp(z_child) *
    product over a of sigmoid(z_a).

    The loss of the child is that of its kind on this linked output, over **all** examples: one that was shown and not
    clicked is a plain 0 of "bought", so the label has to be 0 there, not NULL. Its gradient reaches the heads of the
    ancestors too. A missing label of the parent changes nothing for the child; a missing label of the child leaves the
    example to the parent.

    The gradient of an amount's loss stops at that chance, which the labels of the ancestors decide: it has the tail of the
    amount, and on mails with a visit, a purchase and a spend it took 0.04 of AUC from the visit.

    With several parents that are no ancestors of each other, the product takes them to happen independently given the
    inputs.

    References:
        Ma et al.: Entire Space Multi-Task Model (ESMM), SIGIR 2018, https://arxiv.org/abs/1804.07931. There the loss is
        taken on the product of two chances; here on its log odds, which stays finite.

    Relations:
        `ESCM2` corrects the share for being learned where the parent happened; `AITM` and `DBMTL` pass knowledge along.
    """

    class Settings(RelationSettings):
        """A share of the chance of what it is given."""

        kind: Literal["esmm"] = "esmm"
        children: ClassVar[frozenset[TaskKind]] = frozenset({"binary", "amount"})
        parents: ClassVar[frozenset[TaskKind]] = frozenset({"binary"})
        reason: ClassVar[str] = (
            "a chance times a value is an expectation only of an `amount` that is 0 where its parent did not happen; other "
            "kinds can learn from a parent with `chain: dbmtl`"
        )

        def exact(self) -> bool:
            """Say that the order holds exactly."""
            return True

    exact = True
