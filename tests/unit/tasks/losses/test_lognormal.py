import numpy as np
import pytest
import torch

from support.heads import head

KNOWN = {"mean": 2.0, "above": 0.25, "log_mean": 1.7, "log_std": 0.8}
LOGNORMAL = {"loss": "lognormal"}


def spread(output: torch.Tensor) -> torch.Tensor:
    return 0.1 + torch.nn.functional.softplus(output[:, 2])


def test_agrees_with_scipys_likelihood() -> None:
    stats = pytest.importorskip("scipy.stats")
    built = head("amount", LOGNORMAL, **KNOWN)
    output = torch.randn(30, 3, generator=torch.Generator().manual_seed(1))
    label = torch.where(torch.arange(30) % 3 == 0, 0.0, torch.rand(30, generator=torch.Generator().manual_seed(2)) * 9 + 0.1)
    chance = torch.sigmoid(output[:, 0]).double().numpy()
    unit = label.double().numpy() / 2.0
    s, m = spread(output).double().numpy(), output[:, 1].double().numpy()
    some = unit > 0
    amount = np.where(some, unit, 1.0)
    density = stats.lognorm.logpdf(amount, s=s, scale=np.exp(m))
    # what does not depend on the outputs
    dropped = -np.log(amount) - 0.5 * np.log(2 * np.pi) - np.log(0.1)
    expected = np.where(some, -np.log(chance) - density + dropped, -np.log(1 - chance))
    assert np.allclose(built.losses(output, label[:, None], None).numpy(), expected, rtol=1e-4, atol=1e-5)


def test_predicts_the_expectation() -> None:
    stats = pytest.importorskip("scipy.stats")
    output = torch.tensor([[0.3, 0.5, -0.2], [-2.0, 1.0, 0.4]])
    s = spread(output).numpy()
    means = [stats.lognorm.mean(s=s[i], scale=np.exp(float(output[i, 1]))) for i in range(2)]
    expected = 2.0 * torch.sigmoid(output[:, 0]).numpy() * means
    assert np.allclose(head("amount", LOGNORMAL, **KNOWN).predict(output)[:, 0].numpy(), expected, rtol=1e-4)


def test_starts_at_the_training_parts_distribution() -> None:
    built = head("amount", LOGNORMAL, **KNOWN)
    expected = 0.25 * np.exp(1.7 + 0.8**2 / 2)
    assert built.predict(built(torch.zeros(1, 3))).detach().item() == pytest.approx(expected, rel=1e-4)


def test_the_loss_is_never_negative() -> None:
    built = head("amount", LOGNORMAL, **KNOWN)
    output = torch.randn(500, 3, generator=torch.Generator().manual_seed(3)) * 4 - torch.tensor([0.0, 0.0, 6.0])
    label = torch.rand(500, 1, generator=torch.Generator().manual_seed(4)) * 3
    assert bool((built.losses(output, label, None) >= 0).all())


def test_labels_without_an_amount_stay_finite() -> None:
    built = head("amount", LOGNORMAL, mean=0.0)
    output = built(torch.randn(4, 3))
    assert built.losses(output, torch.zeros(4, 1), None).isfinite().all()
    assert built.predict(output).isfinite().all()


@pytest.mark.parametrize("loss", ["tweedie", "lognormal"])
def test_under_a_condition_the_expectation_is_its_chance_times_the_amount(loss: str) -> None:
    built = head("amount", {"loss": loss}, **KNOWN)
    output = torch.randn(8, 3 if loss == "lognormal" else 1, generator=torch.Generator().manual_seed(7))
    condition = torch.linspace(-3, 3, 8)
    expected = torch.sigmoid(condition)[:, None] * built.predict(output)
    assert torch.allclose(built.predict(built.under(output, condition)), expected, rtol=1e-4)


def test_under_a_condition_it_starts_at_the_base_rate() -> None:
    built = head("amount", LOGNORMAL, **KNOWN)
    before = built.predict(built(torch.zeros(1, 3)))
    built.start(0.5)
    under = built.under(built(torch.zeros(1, 3)), torch.zeros(1))
    assert torch.allclose(built.predict(under), before, rtol=1e-4)
