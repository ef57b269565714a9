"""The angles between the tasks' gradients, measured on a few rows now and then."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from plait.train.precision import autocast
from plait.train.protocol import Trainable
from plait.train.supply import Draw

__all__ = ["cosines"]


def cosines(model: Trainable, draw: Draw, precision: Literal["fp32", "bf16"], device: torch.device) -> Float[Tensor, "T T"]:
    """Return the cosine between the gradients of every two tasks at the parameters they share.

    Nothing of the training is touched: the model is called in evaluation mode, its gradients and random state stay as they
    are. A negative cosine means that a small step for one task hurts the other.

    Returns:
        NaN where a task has no label among the rows, no shared parameter, or a gradient of length 0.
    """
    model.eval()
    try:
        with autocast(precision, device):
            losses, present = model.losses(draw.batches, draw.negatives)
    finally:
        model.train()
    tables = {id(embedding.weight) for embedding in model.embeddings()}
    shared = [tensor for tensor in model.shared_tensors() if tensor.requires_grad and id(tensor) not in tables]
    there = present.tolist()
    found = torch.full((len(there), sum(p.numel() for p in shared)), float("nan"))
    for number, loss in enumerate(losses):
        if there[number] and loss.requires_grad and shared:
            grads = torch.autograd.grad(loss, shared, retain_graph=True, allow_unused=True, materialize_grads=True)
            found[number] = torch.cat([grad.flatten() for grad in grads]).float().cpu()
    unit = found / found.norm(dim=1, keepdim=True)
    between: Tensor = unit @ unit.T
    return between
