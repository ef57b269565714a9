"""Examples whose label may still become 1: how much each counts, so that all labels count as if they were known."""

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["arrival_weight"]


def arrival_weight(log_odds: Float[Tensor, "B"], label: Float[Tensor, "B 2"]) -> Float[Tensor, "B"]:
    """Weigh examples by how the labels known by now differ from those that will be.

        w = 1 / D                where the label is 1 by now
        w = (1 - p) / (1 - p D)  where it is not

    with D the chance that a 1 would be known by now and p the predicted chance of a 1, without gradient. Of the examples
    at x, a share p(x) D is 1 by now; so weighted, 1 and 0 count p(x) and 1 - p(x) where the prediction is right, whatever
    the loss. An example whose window is over has D = 1 and counts 1.

    Args:
        log_odds: of the prediction.
        label: 0 or 1 as known by now, and D.

    References:
        Yasui et al.: A Feedback Shift Correction in Predicting Conversion Rates under Delayed Feedback (FSIW), WWW 2020,
        https://doi.org/10.1145/3366423.3380032; with the model's own prediction in the weight, as Ktena et al.: Addressing
        Delayed Feedback for Continuous Training with Neural Networks in CTR Prediction (FNW), RecSys 2019,
        https://arxiv.org/abs/1907.06558. There D is a model of its own; here it is the share of settled conversions that
        came as fast, the same for all x.
    """
    chance, no = torch.sigmoid(log_odds.detach()), torch.sigmoid(-log_odds.detach())
    known = label[:, 1]
    late = no / (no + chance * (1 - known)).clamp(min=torch.finfo(no.dtype).tiny)
    return torch.where(known >= 1, 1.0, torch.where(label[:, 0] > 0, 1 / known, late))
