"""Weights that share what there is among the tasks."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

__all__ = ["on_simplex", "shares"]


def shares(weights: Float[Tensor, "T"], present: Bool[Tensor, "T"]) -> Float[Tensor, "T"]:
    """Return what each task's loss is multiplied by: weights of mean 1, divided by how many tasks are present.

    Equal weights give `Average`. Where all weights are 0 they count as equal.
    """
    total = weights.sum()
    even = torch.where(total > 0, weights * len(weights) / total.clamp(min=1e-30), 1.0)
    return even * present / present.sum().clamp(min=1)


def on_simplex(vector: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
    """Return the nearest point with no negative number and the sum 1; not finite where the vector is not.

    References:
        Duchi et al., ICML 2008, https://doi.org/10.1145/1390156.1390191, figure 1.
    """
    ordered = vector.sort(descending=True).values
    over = (ordered.cumsum(0) - 1) / torch.arange(1, len(vector) + 1, device=vector.device)
    kept = (ordered > over).sum().clamp(min=1)
    threshold = over[kept - 1]
    return torch.where(vector.isfinite().all(), (vector - threshold).clamp(min=0), float("nan"))
