"""What one gradient step for a task does to the losses of all: the lookahead affinity of tasks."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy

import torch
from jaxtyping import Float
from torch import Tensor

from plait.explain.gradients import Leaf, Losses, Rows, TaskGradients, task_gradients

__all__ = ["lookahead", "transfer"]


@torch.no_grad()
def lookahead(model: Losses, gradients: TaskGradients, held: Rows, rate: float) -> Float[Tensor, "T T"]:
    r"""Return by which share one gradient step for each task lowers the loss of each task.

    .. math:: Z_{i \to j} = 1 -
        \frac{L_j(X', \theta - \eta \nabla_\theta L_i(X, \theta), \theta_j)}{L_j(X', \theta, \theta_j)}

    with X the rows of the gradients, X' those the losses are looked at on, θ all parameters that more than one task may read
    (dense ones, and the embedding rows that X looks up), θ_j the parameters of task j alone, and η the learning rate. Above
    0 the step for i helps j, below 0 it hurts. The step is a plain one: neither clipped nor scaled by an optimiser's memory,
    so a task with a larger gradient takes a longer one.

    Unlike in the paper, where X' = X, the losses may be looked at on any rows: on rows the step did not see, Z does not
    count what the step learns by heart. Where a loss is negative, the change is taken relative to its size.

    The model is moved and put back bitwise.

    Args:
        model: in evaluation mode.
        gradients: of this model.
        held: X'.
        rate: η.

    Returns:
        Row: the task the step is for; column: the task whose loss is looked at. NaN where one of the two has no label.

    References:
        Fifty et al.: Efficiently Identifying Task Groupings for Multi-Task Learning, NeurIPS 2021,
        https://arxiv.org/abs/2109.04617.

    Relations:
        The cosine between gradients says whether two tasks agree about a direction; this says what the agreement is worth.
    """
    before, there = model.losses(*held)
    shares = torch.full((gradients.tasks, gradients.tasks), float("nan"), device=before.device)
    for number, grads in gradients.rows.items():
        with _moved(gradients.leaves, grads, rate):
            after = model.losses(*held)[0]
        shares[number] = torch.where(there & (before != 0), (before - after) / before.abs(), float("nan")).float()
    model.penalty()
    return shares.cpu()


def transfer(model: Losses, draws: Iterable[tuple[Rows, Rows]], rate: float) -> Float[Tensor, "n T T"]:
    """Return the lookahead affinity draw by draw; the model itself is left alone, a copy of it moves.

    Give disjoint rows in different draws, and the spread over draws gives an interval.

    Args:
        model: a trained model, on any device.
        draws: pairs of the rows of the step and those the losses are looked at on, on the model's device.
        rate: learning rate of the step.
    """
    copy = deepcopy(model)
    return torch.stack([lookahead(copy, task_gradients(copy, step), held, rate) for step, held in draws])


@contextmanager
def _moved(leaves: Sequence[Leaf], grads: Sequence[Tensor], rate: float) -> Iterator[None]:
    """Go the step, and back to the very bits."""
    saved = [leaf.tensor.clone() if leaf.codes is None else leaf.tensor.index_select(0, leaf.codes) for leaf in leaves]
    try:
        for leaf, grad in zip(leaves, grads, strict=True):
            if leaf.codes is None:
                leaf.tensor.sub_(rate * grad)
            else:
                leaf.tensor.index_add_(0, leaf.codes, grad, alpha=-rate)
        yield
    finally:
        for leaf, before in zip(leaves, saved, strict=True):
            if leaf.codes is None:
                leaf.tensor.copy_(before)
            else:
                leaf.tensor.index_copy_(0, leaf.codes, before)
