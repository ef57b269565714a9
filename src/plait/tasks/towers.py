"""What retrieval and relatedness have in common: two towers into one space, and the sampled softmax."""

from collections.abc import Sequence
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from plait.tasks.base import tower

__all__ = ["Towers", "sampled_softmax"]


@final
class Towers(nn.Module):
    """Two networks into one space, in which the dot product scores a pair.

    Args:
        width: H, of the task's vector.
        rows: D, of the candidates' row vectors; 0 where the table has nothing to read.
        layers: widths of each tower.
        space: R.

    Shape:
        query `[B, H]` -> `[B, R]`, candidates `[N, D]` -> `[N, R]`; both have length one.
    """

    def __init__(self, width: int, rows: int, layers: Sequence[int], space: int) -> None:
        super().__init__()
        self.of_query = tower(width, layers, space)
        self.of_candidate = tower(rows, layers, space)

    def query(self, hidden: Float[Tensor, "B H"]) -> Float[Tensor, "B R"]:
        """Place queries."""
        return functional.normalize(self.of_query(hidden).float(), dim=1)

    def candidates(self, rows: Float[Tensor, "N D"]) -> Float[Tensor, "N R"]:
        """Place candidates."""
        return functional.normalize(self.of_candidate(rows).float(), dim=1)


def sampled_softmax(logits: Float[Tensor, "B N"], items: Int[Tensor, "N"], log_q: Float[Tensor, "N"]) -> Float[Tensor, "B"]:
    """Compute the cross-entropy of each query's own candidate against all others of the step.

        loss_i = -(s_ii - log q_i) + log sum_j exp(s_ij - log q_j)

    j runs over the query's own candidate, the other queries' candidates and the sampled negatives, less those that are the
    same row as the own one (they are no negatives) and row 0 (no such row). The popularity correction log q makes the
    result an estimate of the softmax over the whole catalogue.

    Args:
        logits: scores; column i is the own candidate of query i, further columns are sampled negatives.
        items: row number of each column.
        log_q: log of the chance that a column's row is drawn.

    References:
        Yi et al.: Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations, RecSys 2019,
        https://doi.org/10.1145/3298689.3346996.
    """
    queries, columns = logits.shape
    own = torch.eye(queries, columns, dtype=torch.bool, device=logits.device)
    no_negative = (items[None] == items[:queries, None]) | (items == 0)
    corrected = (logits - log_q).masked_fill(no_negative & ~own, float("-inf"))
    return torch.logsumexp(corrected, dim=1) - corrected.diagonal()
