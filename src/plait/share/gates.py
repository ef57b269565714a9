"""How the tasks of a mixture of experts are gated: each softly, all by one gate, or each by a few experts."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from torch import nn

from plait import schema
from plait.share.dselect_k import DSelectK
from plait.share.expert import Gate

__all__ = ["AnyGate", "OneGate", "SoftmaxGates", "build_gates"]


class SoftmaxGates(schema.Settings):
    """A gate per task: each task chooses what it reads."""

    kind: Literal["softmax"] = "softmax"


class OneGate(schema.Settings):
    """One gate for all tasks: examples choose among experts, tasks do not.

    References:
        Ma et al.: Modeling Task Relationships in Multi-task Learning with Multi-gate Mixture-of-Experts, KDD 2018 (OMoE),
        https://doi.org/10.1145/3219819.3220007.
    """

    kind: Literal["one"] = "one"


AnyGate = Annotated[
    SoftmaxGates | OneGate | DSelectK.Settings, Field(discriminator="kind"), BeforeValidator(schema.short_form)
]


def build_gates(
    settings: SoftmaxGates | OneGate | DSelectK.Settings, width: int, experts: int, tasks: int, dropout: float
) -> nn.ModuleList:
    """Build a gate per task, or one for all.

    Args:
        settings: of which kind.
        width: D, what a gate reads.
        experts: E.
        tasks: T.
        dropout: share of (example, expert) pairs that a softmax gate leaves out in training.
    """
    match settings:
        case SoftmaxGates():
            return nn.ModuleList(Gate(width, experts, dropout) for _ in range(tasks))
        case OneGate():
            return nn.ModuleList([Gate(width, experts, dropout)])
        case DSelectK.Settings():
            return nn.ModuleList(DSelectK(width, experts, settings) for _ in range(tasks))
