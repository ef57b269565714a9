import numpy as np
import pytest
import torch

from support.heads import head


def test_starts_at_the_mean() -> None:
    built = head("amount", mean=7.5)
    assert torch.allclose(built.predict(built(torch.zeros(1, 3))), torch.tensor([[7.5]]))


def test_the_loss_is_lowest_at_the_mean_of_the_labels() -> None:
    built = head("amount", mean=2.0)
    labels = torch.tensor([[0.0], [0.0], [0.0], [20.0]])
    values = torch.linspace(-1, 3, 401)
    losses = torch.stack([built.losses(value.expand(4, 1), labels, None).mean() for value in values])
    assert abs(float(built.predict(values[losses.argmin()].view(1, 1))) - 5.0) < 0.1


def test_agrees_with_scikit_learn_up_to_what_the_label_adds() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    labels = torch.tensor([[0.0], [1.0], [9.0]])
    built = head("amount", mean=1.0)
    losses = [float(built.losses(torch.full((3, 1), value), labels, None).mean()) for value in (0.0, 1.0)]
    deviance = [
        metrics.mean_tweedie_deviance(labels[:, 0].numpy(), np.full(3, np.exp(value)), power=1.5) for value in (0.0, 1.0)
    ]
    assert 2 * (losses[1] - losses[0]) == pytest.approx(deviance[1] - deviance[0], rel=1e-5)


def test_all_zero_labels_do_not_break_it() -> None:
    built = head("amount", mean=0.0)
    assert built.losses(built(torch.randn(4, 3)), torch.zeros(4, 1), None).isfinite().all()
