"""The order within a list: results of a query, offers of a page."""

from collections.abc import Sequence
from typing import ClassVar, Literal, final

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from plait.layout import TaskLayout
from plait.tasks.base import Head, tower
from plait.tasks.given import ChainedTask
from plait.tasks.prior import start_at

__all__ = ["Ranking"]


@final
class Ranking(Head):
    """Score examples so that within each list the better labels come first.

    `listwise` (ListNet's top-one cross-entropy), with t the share of an example in the gains of its list:

        loss of a list = -sum_j t_j log softmax(s)_j,    t_j = g_j / sum_i g_i,    g_j = 2^{y_j} - 2^{min y}

    where the paper has softmax(y): gains are those of NDCG, and an irrelevant example gets none. `pairwise` (RankNet):

        loss of an example = mean over drawn partners j of the same list with y_j != y_i of log(1 + exp(-sign(y_i -
        y_j)(s_i - s_j)))

    Lists in which all labels are equal teach nothing and cost nothing. The mean over the examples of a batch is the
    mean over its lists that teach (listwise).

    Args:
        task: the prepared task.
        width: H.
        layers: widths of the task's tower.
        settings: the loss.

    Shape:
        O = P = 1, L = 1 (a grade; more is better).

    References:
        Cao et al.: Learning to Rank: From Pairwise Approach to Listwise Approach, ICML 2007; Bruch: An Alternative
        Cross Entropy Loss for Learning-to-Rank, WWW 2021, https://arxiv.org/abs/1911.09798; Burges et al. (RankNet),
        ICML 2005.
    """

    class Settings(ChainedTask):
        """The order within a list."""

        kind: Literal["ranking"]
        loss: Literal["listwise", "pairwise"] = "listwise"
        """What is minimised."""
        partners: int = Field(default=4, ge=1)
        """For `pairwise`: how many others of its list each example is compared with per step."""

    metric: ClassVar[str] = "ndcg@10"

    def __init__(self, task: TaskLayout, width: int, layers: Sequence[int], settings: Settings) -> None:
        super().__init__()
        self.loss, self.partners = settings.loss, settings.partners
        self.network = tower(width, layers, 1)
        start_at(self.network, torch.zeros(1))

    def forward(self, hidden: Float[Tensor, "B H"]) -> Float[Tensor, "B O"]:
        """Compute the score."""
        output: Tensor = self.network(hidden)
        return output

    def losses(
        self, output: Float[Tensor, "B O"], label: Float[Tensor, "B L"], group: Int[Tensor, "B"] | None
    ) -> Float[Tensor, "B"]:
        """Compute each example's part of its list's loss; without groups the batch is one list."""
        if output.shape[0] == 0:
            return output[:, 0]
        if group is None:
            group = torch.zeros(output.shape[0], dtype=torch.int64, device=output.device)
        score, grade = output[:, 0], label[:, 0]
        return _listwise(score, grade, group) if self.loss == "listwise" else _pairwise(score, grade, group, self.partners)

    def predict(self, output: Float[Tensor, "B O"]) -> Float[Tensor, "B P"]:
        """Return the score; it has a meaning only next to others of the same list."""
        return output

    @property
    def columns(self) -> list[str]:
        """Name the score."""
        return ["score"]


def _listwise(score: Float[Tensor, "B"], grade: Float[Tensor, "B"], group: Int[Tensor, "B"]) -> Float[Tensor, "B"]:
    _, part = torch.unique(group, return_inverse=True)
    lists = int(part.max()) + 1
    best, worst = _extreme(grade, part, lists, "amax"), _extreme(grade, part, lists, "amin")
    # Gains are taken relative to the best of the list, so that large grades do not overflow.
    gain = torch.exp2(grade - best[part]) - torch.exp2(worst - best)[part]
    total = score.new_zeros(lists).index_add(0, part, gain)
    share = gain / torch.where(total > 0, total, 1)[part]
    shifted = score - _extreme(score.detach(), part, lists, "amax")[part]
    log_sum = score.new_zeros(lists).index_add(0, part, shifted.exp()).log()
    teaching = (total > 0).sum().clamp(min=1)
    return share * (log_sum[part] - shifted) * (score.shape[0] / teaching)


def _pairwise(
    score: Float[Tensor, "B"], grade: Float[Tensor, "B"], group: Int[Tensor, "B"], partners: int
) -> Float[Tensor, "B"]:
    order = group.argsort(stable=True)
    _, size = torch.unique_consecutive(group[order], return_counts=True)
    start = (size.cumsum(0) - size).repeat_interleave(size)
    within = torch.arange(len(order), device=order.device) - start
    others = (size - 1).repeat_interleave(size)
    step = 1 + (torch.rand(partners, len(order), device=order.device) * others).long()
    partner = order[start + (within + step) % (others + 1)]
    better = torch.sign(grade[order] - grade[partner])
    each = functional.softplus(-better * (score[order] - score[partner])) * better.abs()
    mean = each.sum(0) / better.abs().sum(0).clamp(min=1)
    return torch.empty_like(mean).index_copy(0, order, mean)


def _extreme(
    values: Float[Tensor, "B"], part: Int[Tensor, "B"], lists: int, which: Literal["amax", "amin"]
) -> Float[Tensor, " G"]:
    return values.new_zeros(lists).scatter_reduce(0, part, values, which, include_self=False)
