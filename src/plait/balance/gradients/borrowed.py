"""The adapter to TorchJD: what is taken from it as it is, imported when a balancer is built.

Methods that remember something from step to step are not among these. TorchJD's objects start anew when the number of tasks
changes, which here it does whenever a task has no label in a batch, and keep what they know where no checkpoint finds it.
"""

from collections.abc import Callable
from typing import Literal

from jaxtyping import Float
from torch import Tensor

__all__ = ["FromGramian", "aligned_mtl", "dual_proj", "imtl_g", "krum", "mgda", "pcd", "pcgrad", "upgrad"]

FromGramian = Callable[[Float[Tensor, "t t"]], Float[Tensor, " t"]]
"""From the inner products of the tasks' gradients to their weights."""


def upgrad() -> FromGramian:
    """Return UPGrad's weighting."""
    from torchjd.aggregation import UPGradWeighting

    return UPGradWeighting()


def dual_proj() -> FromGramian:
    """Return DualProj's weighting."""
    from torchjd.aggregation import DualProjWeighting

    return DualProjWeighting()


def pcgrad() -> FromGramian:
    """Return PCGrad's weighting; it draws from torch's global generator."""
    from torchjd.aggregation import PCGradWeighting

    return PCGradWeighting()


def pcd(tau: float, eps: float) -> FromGramian:
    """Return PCD's weighting of gradients whose lengths are as they should be: it scales all alike where `eps` is large."""
    from torchjd.aggregation import PCDWeighting

    weighting = PCDWeighting(tau=tau, beta=0.0, eps=eps)

    def weigh(gramian: Tensor) -> Tensor:
        weighting.reset()
        found: Tensor = weighting(gramian)
        return found

    return weigh


def mgda() -> FromGramian:
    """Return MGDA's weighting."""
    from torchjd.aggregation import MGDAWeighting

    return MGDAWeighting()


def imtl_g() -> FromGramian:
    """Return IMTL-G's weighting."""
    from torchjd.aggregation import IMTLGWeighting

    return IMTLGWeighting()


def aligned_mtl(scale: Literal["min", "median", "rmse"]) -> FromGramian:
    """Return Aligned-MTL's weighting."""
    from torchjd.aggregation import AlignedMTLWeighting

    return AlignedMTLWeighting(scale_mode=scale)


def krum(wrong: int, selected: int) -> FromGramian:
    """Return Krum's weighting."""
    from torchjd.aggregation import KrumWeighting

    return KrumWeighting(n_byzantine=wrong, n_selected=selected)
