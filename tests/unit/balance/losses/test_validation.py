import math

import pytest
import torch
from torch import Tensor

from plait.balance import Validation, build_balancer
from plait.errors import RecipeError

EVERY = torch.ones(2, dtype=torch.bool)


def built(tasks: int = 2, **settings: object) -> Validation:
    names = ["like", "stars", "next"][:tasks]
    balancer = build_balancer(Validation.Settings.model_validate(settings), names, [1.0] * tasks)
    assert isinstance(balancer, Validation)
    return balancer


def weights(balancer: Validation) -> list[float]:
    losses = torch.ones(len(balancer.current), requires_grad=True) * 1.0
    found: Tensor = balancer.backward(losses, torch.ones(len(losses), dtype=torch.bool), [], [[] for _ in losses])
    return (found * len(losses)).tolist()


def tell(balancer: Validation, *scores: float) -> None:
    balancer.after_epoch(torch.ones(len(scores)), torch.tensor(scores))


def test_before_the_first_epoch_all_weigh_the_same() -> None:
    assert weights(built()) == [1.0, 1.0]


def test_a_task_that_fell_behind_its_best_gets_more() -> None:
    balancer = built(smoothing=1.0, temperature=0.02)
    tell(balancer, 0.80, -1.0)
    assert weights(balancer) == [1.0, 1.0]
    tell(balancer, 0.76, -0.9)
    lag = 2 * 0.04 / 1.56
    expected = [math.exp(lag / 0.02), 1.0]
    assert weights(balancer) == pytest.approx([2 * e / sum(expected) for e in expected], rel=1e-4)


def test_a_task_below_its_target_gets_more() -> None:
    balancer = built(smoothing=1.0, temperature=0.1, targets={"stars": -0.8})
    tell(balancer, 0.7, -1.0)
    expected = [1.0, math.exp(2 * 0.2 / 1.8 / 0.1)]
    assert weights(balancer) == pytest.approx([2 * e / sum(expected) for e in expected], rel=1e-4)
    tell(balancer, 0.7, -0.7)
    assert weights(balancer) == [1.0, 1.0], "beyond its target a task lags behind nothing"


def test_level_is_the_focal_form_of_the_paper() -> None:
    balancer = built(priority="level", gamma=2.0, smoothing=0.5)
    tell(balancer, 0.6, 0.8)
    tell(balancer, 0.8, 0.9)
    kept = [0.7, 0.85]
    raw = [-((1 - k) ** 2) * math.log(k) for k in kept]
    assert weights(balancer) == pytest.approx([2 * r / sum(raw) for r in raw], rel=1e-4)


def test_level_refuses_a_score_without_a_level() -> None:
    with pytest.raises(RecipeError, match=r"between 0 and 1, of which more is better. Found -1.2 for task `stars`"):
        tell(built(priority="level"), 0.7, -1.2)


def test_a_score_that_is_not_known_changes_nothing() -> None:
    balancer = built(3, smoothing=1.0)
    tell(balancer, 0.8, float("nan"), 0.2)
    tell(balancer, 0.7, float("nan"), 0.2)
    found = weights(balancer)
    assert found[1] == 1.0
    assert found[0] > 1 > found[2]
    tell(balancer, float("nan"), float("nan"), float("nan"))
    assert weights(balancer) == found


def test_a_hopeless_lag_does_not_overflow() -> None:
    balancer = built(smoothing=1.0, temperature=1e-4)
    tell(balancer, 0.9, 0.9)
    tell(balancer, 0.1, 0.9)
    assert weights(balancer) == [2.0, 0.0]


def test_the_scale_of_a_metric_does_not_matter() -> None:
    one, other = built(smoothing=0.5), built(smoothing=0.5)
    for balancer, scale in ((one, 1.0), (other, 1000.0)):
        for score in (-1.0, -1.1, -1.05):
            tell(balancer, 0.8, score * scale)
    assert weights(one) == pytest.approx(weights(other), rel=1e-4)


def test_targets_name_tasks() -> None:
    with pytest.raises(RecipeError, match=r"`balance.targets` should name tasks. Found `stras`. Did you mean `stars`\?"):
        built(targets={"stras": 1.0})
