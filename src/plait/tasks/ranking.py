"""The order within a list: results of a query, offers of a page."""

from collections.abc import Sequence
from typing import ClassVar, Final, Literal, final

import torch
from jaxtyping import Float, Int
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from plait.layout import TaskLayout
from plait.tasks.base import Head, tower
from plait.tasks.prior import last_of, start_at
from plait.tasks.relations.given import ChainedTask

__all__ = ["Ranking"]

_SHARPNESS: Final = 20.0
"""How much of a score the cosine of two texts makes to begin with."""


@final
class Ranking(Head):
    """Score examples so that within each list the better labels come first.

    `listwise` (ListNet's top-one cross-entropy), with t the share of an example in the gains of its list:

        loss of a list = -sum_j t_j log softmax(s)_j,    t_j = g_j / sum_i g_i,    g_j = 2^{y_j} - 2^{min y}

    where the paper has softmax(y): gains are those of NDCG, and an irrelevant example gets none. `pairwise` (RankNet):

        loss of an example = mean over drawn partners j of the same list with y_j != y_i of log(1 + exp(-sign(y_i -
        y_j)(s_i - s_j)))

    `lambda` (LambdaRank's pairs in a RankNet loss) weighs each of these pairs by how much NDCG would change if the two
    swapped places in the present order of their list:

        w_ij = |g_i - g_j| |1 / log2(1 + r_i) - 1 / log2(1 + r_j)| / best DCG of the list,    r the place, from 1

    and takes the sum over all others of the list, of which the drawn partners are a sample, so that the top of a list counts
    most. As for `listwise`, the mean over the examples of a batch is the mean over its lists that teach.

    With `alike`, the cosine c of two texts comes with the task's vector, behind it, and the score is a c + network(h), where
    a > 0 is learned and the network says 0 to begin with: untrained, it is the order of the encoder.

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
        Cao et al.: Learning to Rank: From Pairwise Approach to Listwise Approach, ICML 2007; Bruch: An Alternative Cross
        Entropy Loss for Learning-to-Rank, WWW 2021, https://arxiv.org/abs/1911.09798; Burges et al. (RankNet), ICML 2005;
        Burges: From RankNet to LambdaRank to LambdaMART, 2010; Wang et al.: The LambdaLoss Framework for Ranking Metric
        Optimization, CIKM 2018, https://doi.org/10.1145/3269206.3271784.

    Relations:
        On a label of 0 and 1 `pairwise` within the lists of a user is the pairwise form of the AUC per user: a task of
        this kind beside a `binary` one on the same label orders, while the other one gives probabilities.
    """

    class Settings(ChainedTask):
        """The order within a list."""

        kind: Literal["ranking"]
        loss: Literal["listwise", "pairwise", "lambda"] = "listwise"
        """What is minimised."""
        partners: int = Field(default=4, ge=1)
        """For `pairwise` and `lambda`: how many others of its list each example is compared with per step."""
        alike: list[str] | None = Field(default=None, min_length=2, max_length=2)
        """Two texts, each a column of the table or `key.column` behind a key, such as a query and a title: how alike the
        encoder reads them is the score to begin with. It goes best with `model.vector_width` the encoder's own."""

        @model_validator(mode="after")
        def _free(self) -> "Ranking.Settings":
            if self.alike is not None and self.given is not None:
                raise ValueError(
                    "a ranking task should be given no others where it compares texts (`alike`), since what it is given "
                    f"would not be told so. Found `given: {self.given}`"
                )
            return self

    metric: ClassVar[str] = "ndcg@10"

    def __init__(self, task: TaskLayout, width: int, layers: Sequence[int], settings: Settings) -> None:
        super().__init__()
        self.loss, self.partners = settings.loss, settings.partners
        self.network = tower(width, layers, 1)
        start_at(self.network, torch.zeros(1))
        self.log_scale: nn.Parameter | None = None
        if settings.alike is not None:
            self.log_scale = nn.Parameter(torch.tensor(_SHARPNESS).log())
            nn.init.zeros_(last_of(self.network).weight)

    def forward(self, hidden: Float[Tensor, "B H"]) -> Float[Tensor, "B O"]:
        """Compute the score."""
        if self.log_scale is None:
            output: Tensor = self.network(hidden)
            return output
        alike: Tensor = self.network(hidden[:, :-1]).float() + self.log_scale.exp() * hidden[:, -1:].float()
        return alike

    def losses(
        self, output: Float[Tensor, "B O"], label: Float[Tensor, "B L"], group: Int[Tensor, "B"] | None
    ) -> Float[Tensor, "B"]:
        """Compute each example's part of its list's loss; without groups the batch is one list."""
        if output.shape[0] == 0:
            return output[:, 0]
        if group is None:
            group = torch.zeros(output.shape[0], dtype=torch.int64, device=output.device)
        score, grade = output[:, 0], label[:, 0]
        match self.loss:
            case "listwise":
                return _listwise(score, grade, group)
            case "pairwise":
                return _pairwise(score, grade, group, self.partners)
            case "lambda":
                return _lambda(score, grade, group, self.partners)

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


def _partners(
    order: Int[Tensor, "B"], group: Int[Tensor, "B"], partners: int
) -> tuple[Int[Tensor, "P B"], Int[Tensor, "B"], Int[Tensor, "B"]]:
    """Draw others of the same list for each example in an order by list; also its place in the list, and how many others."""
    _, size = torch.unique_consecutive(group[order], return_counts=True)
    start = (size.cumsum(0) - size).repeat_interleave(size)
    within = torch.arange(len(order), device=order.device) - start
    others = (size - 1).repeat_interleave(size)
    step = 1 + (torch.rand(partners, len(order), device=order.device) * others).long()
    return start + (within + step) % (others + 1), within, others


def _pairwise(
    score: Float[Tensor, "B"], grade: Float[Tensor, "B"], group: Int[Tensor, "B"], partners: int
) -> Float[Tensor, "B"]:
    order = group.argsort(stable=True)
    partner = order[_partners(order, group, partners)[0]]
    better = torch.sign(grade[order] - grade[partner])
    each = functional.softplus(-better * (score[order] - score[partner])) * better.abs()
    mean = each.sum(0) / better.abs().sum(0).clamp(min=1)
    return torch.empty_like(mean).index_copy(0, order, mean)


def _lambda(
    score: Float[Tensor, "B"], grade: Float[Tensor, "B"], group: Int[Tensor, "B"], partners: int
) -> Float[Tensor, "B"]:
    _, part = torch.unique(group, return_inverse=True)
    lists = int(part.max()) + 1
    order = _by_list(score.detach(), part)
    there, within, others = _partners(order, part, partners)
    worth = 1 / torch.log2(within + 2.0)
    best, worst = _extreme(grade, part, lists, "amax"), _extreme(grade, part, lists, "amin")
    # Gains are taken relative to the best of the list, so that large grades do not overflow.
    gain = torch.exp2(grade - best[part]) - torch.exp2(worst - best)[part]
    ideal = score.new_zeros(lists).index_add(0, part[order], gain[_by_list(grade, part)] * worth)
    mine, other = order, order[there]
    better = torch.sign(grade[mine] - grade[other])
    change = (gain[mine] - gain[other]).abs() * (worth - worth[there]).abs()
    each = functional.softplus(-better * (score[mine] - score[other])) * change
    teaching = (ideal > 0).sum().clamp(min=1)
    loss = each.mean(0) * others / torch.where(ideal > 0, ideal, 1)[part[order]] * (score.shape[0] / teaching)
    return torch.empty_like(loss).index_copy(0, order, loss)


def _by_list(values: Float[Tensor, "B"], part: Int[Tensor, "B"]) -> Int[Tensor, "B"]:
    """Return the order by list, and within each by value, largest first."""
    order = values.argsort(descending=True, stable=True)
    return order[part[order].argsort(stable=True)]


def _extreme(
    values: Float[Tensor, "B"], part: Int[Tensor, "B"], lists: int, which: Literal["amax", "amin"]
) -> Float[Tensor, " G"]:
    return values.new_zeros(lists).scatter_reduce(0, part, values, which, include_self=False)
