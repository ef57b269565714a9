import pytest
import torch
from torch import Tensor, nn

from plait.balance import Fixed, Pareto, build_balancer
from plait.errors import RecipeError

EVERY = torch.ones(3, dtype=torch.bool)


def built(**settings: object) -> Pareto:
    balancer = build_balancer(Pareto.Settings.model_validate(settings), ["a", "b", "c"], [1.0, 1.0, 1.0])
    assert isinstance(balancer, Pareto)
    return balancer


def run(balancer: nn.Module, values: list[float], present: Tensor = EVERY) -> Tensor:
    losses = (torch.tensor(values) * present).requires_grad_()
    weights = balancer.backward(losses, present, [], [[], [], []])
    assert losses.grad is not None
    assert torch.allclose(losses.grad, weights)
    return weights


def test_linear_on_the_losses_as_they_are_is_fixed() -> None:
    wanted = {"a": 3.0, "b": 0.0}
    mine = built(method="linear", scale="none", preferences=wanted)
    fixed = build_balancer(Fixed.Settings(weights=wanted), ["a", "b", "c"], [1.0, 1.0, 1.0])
    assert torch.allclose(run(mine, [1.0, 2.0, 3.0]), run(fixed, [1.0, 2.0, 3.0]))


def test_chebyshev_is_the_derivative_of_the_smooth_maximum() -> None:
    losses = torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64, requires_grad=True)
    preference = torch.tensor([2.0, 0.5, 0.5], dtype=torch.float64)
    ideal = torch.tensor([0.1, 0.0, 0.0], dtype=torch.float64)
    smooth = 0.7 * torch.logsumexp(preference * (losses - ideal) / 0.7, dim=0)
    smooth.backward()
    balancer = built(scale="none", smoothness=0.7, preferences={"a": 4.0}, ideal={"a": 0.1})
    assert losses.grad is not None
    assert torch.allclose(run(balancer, [1.0, 2.0, 0.5]).double(), losses.grad, atol=1e-6)


def test_chebyshev_agrees_with_torchjd() -> None:
    from torchjd.scalarization import STCH

    losses = torch.tensor([1.0, 2.0, 0.5], requires_grad=True)
    STCH(weights=torch.ones(3), mu=0.7)(losses).backward()
    assert losses.grad is not None
    assert torch.allclose(run(built(scale="none", smoothness=0.7), [1.0, 2.0, 0.5]), losses.grad, atol=1e-6)


def test_with_little_smoothness_only_the_worst_task_trains() -> None:
    found = run(built(scale="none", smoothness=0.001, preferences={"c": 4.0}), [1.0, 2.0, 1.1])
    assert found.tolist() == pytest.approx([0.0, 0.0, 2.0])


def test_the_size_of_a_loss_does_not_matter() -> None:
    one, other = built(), built()
    for step in range(15):
        small = run(one, [1.0, 2.0 / (1 + step), 0.5])
        large = run(other, [1.0, 2000.0 / (1 + step), 0.5])
        assert torch.allclose(small, large * torch.tensor([1.0, 1000.0, 1.0]), atol=1e-5)
    assert one.first.looks.tolist() == [10.0, 10.0, 10.0]


def test_a_task_that_is_not_there_keeps_its_size() -> None:
    balancer = built(method="linear")
    run(balancer, [4.0, 2.0, 1.0], torch.tensor([True, False, True]))
    assert balancer.first.mean.tolist() == [4.0, 0.0, 1.0]
    assert torch.allclose(run(balancer, [4.0, 2.0, 1.0]), torch.tensor([1 / 12, 1 / 6, 1 / 3]))


def descend(method: str, share: float) -> tuple[float, float]:
    """Train two losses whose front is concave: a sum of them ends at one of its ends."""
    settings = Pareto.Settings.model_validate(
        {"method": method, "scale": "none", "smoothness": 0.02, "preferences": {"a": share, "b": 1 - share}}
    )
    balancer = build_balancer(settings, ["a", "b"], [1.0, 1.0])
    x = nn.Parameter(torch.tensor([0.3, -0.2]))
    optimiser = torch.optim.SGD([x], lr=0.02)
    centre = torch.full((2,), 0.5**0.5)

    def losses() -> Tensor:
        return torch.stack([1 - torch.exp(-(x - centre).square().sum()), 1 - torch.exp(-(x + centre).square().sum())])

    for _ in range(1500):
        optimiser.zero_grad()
        balancer.backward(losses(), torch.ones(2, dtype=torch.bool), [x], [[], []])
        optimiser.step()
    first, second = losses().tolist()
    return first, second


def test_chebyshev_reaches_the_concave_part_where_the_sum_ends_in_a_corner() -> None:
    first, second = descend("chebyshev", 0.5)
    assert first == pytest.approx(second, abs=0.05)
    assert 0.5 < first < 0.75
    first, second = descend("linear", 0.5)
    assert max(first, second) > 0.9


def test_more_preference_means_less_loss() -> None:
    found = [descend("chebyshev", share)[0] for share in (0.4, 0.5, 0.6)]
    assert found == sorted(found, reverse=True)


@pytest.mark.parametrize("key", ["preferences", "ideal"])
def test_settings_name_tasks(key: str) -> None:
    with pytest.raises(RecipeError, match=rf"`balance.{key}` should name tasks. Found `d`"):
        built(**{key: {"d": 1.0}})


def test_a_preference_is_not_negative() -> None:
    with pytest.raises(RecipeError, match=r"`balance.preferences.a` should be 0 or more. Found -1.0"):
        built(preferences={"a": -1.0})
