"""The adapter to TorchJD: what is taken from it as it is, imported when a balancer is built."""

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

__all__ = ["FromGramian", "upgrad"]

FromGramian = Callable[[Float[Tensor, "t t"]], Float[Tensor, " t"]]
"""From the inner products of the tasks' gradients to their weights."""


def upgrad() -> FromGramian:
    """Return UPGrad's weighting."""
    from torchjd.aggregation import UPGradWeighting

    return UPGradWeighting()
