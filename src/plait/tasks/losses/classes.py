"""A task's loss over classes: what each costs, weighs, and how far weights and resampling move the log odds."""

from collections.abc import Callable
from typing import Annotated, Final, final

import torch
from jaxtyping import Float, Int
from pydantic import BeforeValidator, Field
from torch import Tensor, nn
from torch.nn import functional

from plait.schema import short_form
from plait.tasks.losses.class_weight import AnyClassWeight, class_weights
from plait.tasks.losses.cross_entropy import CrossEntropy
from plait.tasks.losses.focal import Focal
from plait.tasks.losses.loss import ClassLoss
from plait.tasks.relations.given import ChainedTask
from plait.tasks.unlabelled.chosen import LearningTask

__all__ = ["AnyClassLoss", "ClassTask", "Logistic", "Softmax", "build_class_loss"]

_STEPS: Final = 200

AnyClassLoss = Annotated[
    Annotated[CrossEntropy.Settings | Focal.Settings, Field(discriminator="kind")], BeforeValidator(short_form)
]


class ClassTask(ChainedTask, LearningTask):
    """What tasks over classes have in common."""

    loss: AnyClassLoss = CrossEntropy.Settings()
    """What the chance given to the right class costs."""
    class_weight: AnyClassWeight | None = None
    """How much the examples of each class count; predictions stay on the scale of the data. All the same where not said."""
    smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of every label that is spread over the classes by their rates, against overconfidence."""

    def untied(self) -> str | None:
        """Say that outputs have to be log odds, where they are not."""
        if build_class_loss(self.loss).proper:
            return None
        return (
            f"a chance can only be tied where the outputs are log odds, and with `loss: {self.loss.kind}` they are drawn "
            "towards even odds"
        )


def build_class_loss(settings: AnyClassLoss) -> ClassLoss:
    """Build the loss that settings describe."""
    return Focal(settings) if isinstance(settings, Focal.Settings) else CrossEntropy()


@final
class _Weighing(nn.Module):
    """The numbers both kinds of loss need, per class along the first dimension; they follow the head to its device."""

    weight: Tensor
    shift: Tensor
    prior: Tensor

    def __init__(
        self,
        settings: ClassTask,
        rates: Float[Tensor, "C *rest"],
        examples: int,
        given: Float[Tensor, "C *rest"],
        times: Float[Tensor, "C *rest"],
    ) -> None:
        super().__init__()
        self.loss = build_class_loss(settings.loss)
        self.smoothing = settings.smoothing
        drawn = rates.clamp(min=1 / max(examples, 10_000)) * times
        total = drawn.sum(dim=0)
        prior = drawn / total
        weight = class_weights(settings.class_weight, prior, drawn * max(examples, 1), given)
        # They follow from recipe and layout, so checkpoints need not hold them.
        self.register_buffer("prior", prior, persistent=False)
        self.register_buffer("weight", weight, persistent=False)
        self.register_buffer("shift", (weight * times).log(), persistent=False)
        self.even = settings.class_weight is None and settings.smoothing == 0

    def share(self, hot: Float[Tensor, "*batch"], prior: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
        """Spread a part of the labels over the classes."""
        return hot if self.smoothing == 0 else (1 - self.smoothing) * hot + self.smoothing * prior


@final
class Logistic(nn.Module):
    """The loss of yes or no, for one question or several.

        loss = t w_1 l(v) + (1 - t) w_0 l(1 - v),    v = sigmoid(z + s),    t = (1 - e) y + e q

    with z the output, l the cost of a right answer, w_k the weight of answer k, e the smoothing, q the rate of yes among the
    labels that are drawn, and s = log(w_1 r_1) - log(w_0 r_0) how far weights and resampling (r_k times per epoch) move the
    log odds. Because s is added inside the loss and not to the prediction, z stays the log odds of the data (prior
    correction), whatever the weights.

    Args:
        settings: of the task.
        rates: share of no and of yes.
        examples: number of training examples.
        given: the recipe's own weights.
        times: how often labels of each answer come up in an epoch.

    References:
        King, Zeng: Logistic Regression in Rare Events Data, Political Analysis 2001 (prior correction); Menon et al.:
        Long-tail learning via logit adjustment, ICLR 2021, https://arxiv.org/abs/2007.07314 (inside the loss); Szegedy et
        al.: Rethinking the Inception Architecture, CVPR 2016, https://arxiv.org/abs/1512.00567 (smoothing, section 7:
        towards any distribution; towards the rates, and not even odds, a rare class keeps its mean prediction).
    """

    def __init__(
        self,
        settings: ClassTask,
        rates: Float[Tensor, "2 C"],
        examples: int,
        given: Float[Tensor, "2 C"],
        times: Float[Tensor, "2 C"],
    ) -> None:
        super().__init__()
        self.weighing = _Weighing(settings, rates, examples, given, times)

    def forward(self, output: Float[Tensor, "B C"], yes: Float[Tensor, "B C"]) -> Float[Tensor, "B C"]:
        """Compute the loss of each answer."""
        one = self.weighing
        moved = output + (one.shift[1] - one.shift[0])
        if one.even and one.loss.proper:
            return functional.binary_cross_entropy_with_logits(moved, yes, reduction="none")
        share = one.share(yes, one.prior[1].expand_as(yes))
        return share * one.weight[1] * one.loss.cost(moved) + (1 - share) * one.weight[0] * one.loss.cost(-moved)

    def start(self, log_odds: Float[Tensor, " C"]) -> Float[Tensor, " C"]:
        """Return the outputs that stand for some log odds."""
        return _back(log_odds, lambda output: self.log_odds(output[None])[0], self.weighing.loss)

    def log_odds(self, output: Float[Tensor, "B C"]) -> Float[Tensor, "B C"]:
        """Return the log odds of yes on the scale of the data."""
        one = self.weighing
        if one.loss.proper:
            return output
        shift = one.shift[1] - one.shift[0]
        return one.loss.log_mass(output + shift) - one.loss.log_mass(-output - shift) - shift


@final
class Softmax(nn.Module):
    """The loss of one class out of several.

        loss = sum_c t_c w_c l(v_c),    v = softmax(z + s),    t_c = (1 - e) [c = y] + e q_c,    s_c = log(w_c r_c)

    with the symbols of `Logistic`, of which it is the form for more than two answers.

    Args:
        settings: of the task.
        rates: share of the examples per class.
        examples: number of training examples.
        given: the recipe's own weights.
        times: how often labels of each class come up in an epoch.
    """

    def __init__(
        self,
        settings: ClassTask,
        rates: Float[Tensor, " C"],
        examples: int,
        given: Float[Tensor, " C"],
        times: Float[Tensor, " C"],
    ) -> None:
        super().__init__()
        self.weighing = _Weighing(settings, rates, examples, given, times)

    def forward(self, output: Float[Tensor, "B C"], number: Int[Tensor, " B"]) -> Float[Tensor, " B"]:
        """Compute the loss of each example."""
        one = self.weighing
        moved = output + one.shift
        if one.even and one.loss.proper:
            return functional.cross_entropy(moved, number, reduction="none")
        cost = one.weight * one.loss.cost(_odds(moved))
        right = cost.gather(1, number[:, None])[:, 0]
        return one.share(right, (cost * one.prior).sum(dim=1))

    def start(self, log_chances: Float[Tensor, " C"]) -> Float[Tensor, " C"]:
        """Return outputs that stand for some chances."""
        return _back(log_chances, lambda output: self.log_chances(output[None])[0], self.weighing.loss)

    def log_chances(self, output: Float[Tensor, "B C"]) -> Float[Tensor, "B C"]:
        """Return the logarithm of each class's chance on the scale of the data."""
        one = self.weighing
        if one.loss.proper:
            return torch.log_softmax(output, dim=1)
        return torch.log_softmax(one.loss.log_mass(_odds(output + one.shift)) - one.shift, dim=1)


def _back(
    wanted: Float[Tensor, " C"], meaning: Callable[[Float[Tensor, " C"]], Float[Tensor, " C"]], loss: ClassLoss
) -> Float[Tensor, " C"]:
    """Find outputs that mean what is wanted; the way there has no closed form, the one from there does."""
    found = wanted
    for _ in range(0 if loss.proper else _STEPS):
        found = found + (wanted - meaning(found)) / loss.slope
    return found


def _odds(logits: Float[Tensor, "B C"]) -> Float[Tensor, "B C"]:
    """Return each class's log odds against all others; exact for the likeliest, whose 1 - v rounds to 0."""
    top = logits.argmax(dim=1, keepdim=True)
    others = logits.scatter(1, top, float("-inf")).logsumexp(dim=1, keepdim=True)
    log_chance = torch.log_softmax(logits, dim=1)
    # Only the likeliest has a chance above one half.
    odds = log_chance - torch.log1p(-log_chance.exp().clamp(max=0.5))
    return odds.scatter(1, top, logits.gather(1, top) - others)
