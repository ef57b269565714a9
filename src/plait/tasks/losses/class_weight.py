"""How much the examples of each class count in a task's loss."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, final

import torch
from jaxtyping import Float
from pydantic import BeforeValidator, Field
from torch import Tensor

from plait.errors import RecipeError, nearest
from plait.schema import Settings as Base
from plait.schema import short_form

__all__ = ["AnyClassWeight", "Balanced", "Effective", "Given", "by_class", "class_weights"]


@final
class Balanced:
    """Weigh every class by the inverse of its rate, so that all classes count the same in sum.

        w_c = 1 / (C p_c),    p_c the rate of class c in the training part, C the number of classes

    References:
        King, Zeng: Logistic Regression in Rare Events Data, Political Analysis 2001.
    """

    class Settings(Base):
        """The inverse of each class's rate."""

        kind: Literal["balanced"] = "balanced"


@final
class Effective:
    """Weigh every class by the inverse of its effective number of examples, which grows ever slower with their number.

        w_c = (1 - b) / (1 - b^n_c),    n_c the number of training examples of class c

    b = 0 weighs all the same, b towards 1 is `Balanced`: b = 0.999 says that a thousand examples of a class say about all
    there is to say about it.

    References:
        Cui et al.: Class-Balanced Loss Based on Effective Number of Samples, CVPR 2019, https://arxiv.org/abs/1901.05555.
        The paper's weights sum to C; as all weights here, these have mean 1 over the training examples.
    """

    class Settings(Base):
        """The inverse of each class's effective number of examples."""

        kind: Literal["effective"] = "effective"
        beta: float = Field(default=0.9999, ge=0, lt=1)
        """b: 1 / (1 - b) examples of a class say about all there is to say about it."""


@final
class Given:
    """Weigh every class as the recipe says; classes that are not named weigh 1. Only the ratios matter."""

    class Settings(Base):
        """Weights of your own, one per class."""

        kind: Literal["given"] = "given"
        weights: dict[str, Annotated[float, Field(gt=0)]]
        """Class -> weight; the classes of a binary task are 0 and 1. Classes not named weigh 1."""


def _short(value: object) -> object:
    """Let `{1: 5}` stand for `{kind: given, weights: {"1": 5}}`; YAML reads a class of 1 as a number."""
    if isinstance(value, Mapping) and "kind" not in value:
        return {"kind": "given", "weights": names_of(value)}
    return short_form(value)


def names_of(value: object) -> object:
    """Write keys of a mapping as classes are named: a label `true` is class 1."""
    if not isinstance(value, Mapping):
        return value
    return {str(int(key)) if isinstance(key, bool) else str(key): inner for key, inner in value.items()}


AnyClassWeight = Annotated[
    Annotated[Balanced.Settings | Effective.Settings | Given.Settings, Field(discriminator="kind")], BeforeValidator(_short)
]


def class_weights(
    settings: AnyClassWeight | None,
    rates: Float[Tensor, "C *rest"],
    counts: Float[Tensor, "C *rest"],
    given: Float[Tensor, "C *rest"],
) -> Float[Tensor, "C *rest"]:
    """Compute the weight of each class, with mean 1 over the examples, so that how much the task counts stays `weight`'s.

    Args:
        settings: how.
        rates: share of the examples per class, each above 0.
        counts: number of examples per class, each above 0.
        given: the recipe's own weights, for `given`.
    """
    match settings:
        case Balanced.Settings():
            weights = 1 / rates
        case Effective.Settings():
            # 1 - b^n, exact where it is small
            weights = (1 - settings.beta) / -torch.expm1(counts * torch.log(torch.tensor(settings.beta)))
        case Given.Settings():
            weights = given
        case _:
            return torch.ones_like(rates)
    return weights / (rates * weights).sum(dim=0)


def by_class(task: str, key: str, classes: Sequence[str], named: Mapping[str, float]) -> Float[Tensor, " C"]:
    """Lay numbers named by class out in the order of the classes, 1 where a class is not named.

    Args:
        task: the task, for the error.
        key: the recipe key, for the error.
        classes: the task's classes.
        named: class -> number.

    Raises:
        RecipeError: a name is no class of the task.
    """
    unknown = [name for name in named if name not in classes]
    if unknown:
        raise RecipeError(
            f"Task `{task}`: `{key}` should name classes of the task, which are {list(classes)[:20]}. "
            f"Found `{unknown[0]}`.{nearest(unknown[0], list(classes))}"
        )
    return torch.tensor([named.get(name, 1.0) for name in classes])
