"""What must hold for an outcome: what is predicted against it costs in training, and is taken out of predictions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from plait.layout import TaskLayout

__all__ = ["TaskRule", "broken", "enforce", "forbidden_share", "forbidden_weight", "semantic_loss"]

_SUREST: Final = 1 - 1e-6
_MUCH: Final = 0.5


@final
@dataclass(frozen=True, slots=True)
class TaskRule:
    """A rule as the model holds it.

    Attributes:
        name: its name.
        task: the task.
        classes: for tasks of several classes the numbers of those it forbids.
        weight: of its penalty.
    """

    name: str
    task: str
    classes: tuple[int, ...] = ()
    weight: float = 1.0


def semantic_loss(task: TaskLayout, prediction: Float[Tensor, "B P"], classes: Sequence[int]) -> Float[Tensor, "B"]:
    """Compute what a prediction costs where its outcome is forbidden.

        loss = -log(1 - p)

    with p the chance given to what is forbidden: yes, or any of the forbidden classes. It is the semantic loss of the rule,
    minus the logarithm of the chance that it holds. Of an amount, which must be 0, it is the expected amount in units of the
    mean label.

    Args:
        task: the task.
        prediction: what its head predicts.
        classes: the classes that are forbidden.

    References:
        Xu et al.: A Semantic Loss Function for Deep Learning with Symbolic Knowledge, ICML 2018,
        https://arxiv.org/abs/1711.11157.
    """
    if task.kind == "amount":
        return prediction[:, 0] / (task.mean if task.mean > 0 else 1.0)
    chance = prediction[:, list(classes)] if classes else prediction
    if task.kind in ("multiclass", "ordinal"):
        chance = chance.sum(1, keepdim=True)
    return -torch.log1p(-chance.clamp(max=_SUREST)).sum(1)


def enforce(
    task: TaskLayout, prediction: Float[Tensor, "B P"], forbidden: Bool[Tensor, "B"], classes: Sequence[int]
) -> Float[Tensor, "B P"]:
    """Take out of predictions what is forbidden: a chance of 0, an amount of 0.

    The chances of one class out of several are shared among those that are left; where none is left, all stay 0.
    """
    columns = list(classes) if classes else list(range(prediction.shape[1]))
    out = torch.zeros_like(prediction, dtype=torch.bool)
    out[:, columns] = forbidden[:, None]
    kept = prediction.masked_fill(out, 0.0)
    if task.kind not in ("multiclass", "ordinal"):
        return kept
    total = kept.sum(1, keepdim=True)
    shared = kept / total.clamp(min=torch.finfo(kept.dtype).tiny)
    # Where all but nothing is left, dividing by it would make numbers out of rounding.
    return torch.where(forbidden[:, None] & (total > 0), shared, kept)


def broken(task: TaskLayout, prediction: Float[Tensor, "B P"], classes: Sequence[int]) -> Bool[Tensor, "B"]:
    """Say which predictions tell what is forbidden: a chance of a half, the likeliest class, half the mean amount."""
    if task.kind == "amount":
        return prediction[:, 0] >= _MUCH * task.mean
    if task.kind in ("multiclass", "ordinal"):
        return (prediction.argmax(1)[:, None] == torch.tensor(list(classes), device=prediction.device)).any(1)
    chance = prediction[:, list(classes)] if classes else prediction
    return (chance >= _MUCH).any(1)


def forbidden_weight(task: TaskLayout, prediction: Float[Tensor, "B P"], classes: Sequence[int]) -> Float[Tensor, "B"]:
    """Return how much each prediction gives to what is forbidden: the chance; of an amount, in units of the mean label."""
    if task.kind == "amount":
        return prediction[:, 0] / (task.mean if task.mean > 0 else 1.0)
    chance = prediction[:, list(classes)] if classes else prediction
    return chance.sum(1) if task.kind in ("multiclass", "ordinal") else chance.amax(1)


def forbidden_share(
    logits: Float[Tensor, "B N"], items: Int[Tensor, "N"], log_q: Float[Tensor, "N"], forbidden: Bool[Tensor, "B N"]
) -> Float[Tensor, "B"]:
    """Compute what a ranking costs where candidates are forbidden.

        loss_i = log sum_j exp(s_ij - log q_j) - log sum_{j allowed} exp(s_ij - log q_j)

    which is -log(1 - p) with p the chance that the sampled softmax gives to forbidden candidates; the own candidate is taken
    as allowed, since its label says that it was chosen.

    Args:
        logits: scores; column i is the own candidate of query i.
        items: row number of each column; 0 does not count.
        log_q: log of the chance that a column's row is drawn.
        forbidden: which candidates are forbidden to which query.
    """
    own = torch.eye(*logits.shape, dtype=torch.bool, device=logits.device)
    corrected = (logits - log_q).masked_fill((items == 0) & ~own, float("-inf"))
    allowed = corrected.masked_fill(forbidden & ~own, float("-inf"))
    return torch.logsumexp(corrected, dim=1) - torch.logsumexp(allowed, dim=1)
