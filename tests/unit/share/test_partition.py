import numpy as np
import torch

from plait.share.partition import PartitionedNorm
from support.forms import numpy


def test_moments_are_those_of_all_that_was_seen() -> None:
    norm = PartitionedNorm(3, 3)
    rng = torch.Generator().manual_seed(1)
    domains = torch.randint(0, 3, (600,), generator=rng)
    x = torch.randn(600, 3, generator=rng) * torch.tensor([1.0, 20.0, 0.1]) + 1000 * domains[:, None]
    for start in range(0, 600, 100):
        norm(x[start : start + 100], domains[start : start + 100])
    for domain in range(3):
        mine = numpy(x if domain == 0 else x[domains == domain])
        # The starting moments count as 100 examples, half of them at 1 and half at -1.
        every = np.concatenate([mine, np.repeat([[1.0] * 3, [-1.0] * 3], 50, 0)])
        assert np.allclose(numpy(norm.mean)[domain], every.mean(0), rtol=1e-4)
        assert np.allclose(numpy(norm.variance)[domain], every.var(0), rtol=1e-3)


def test_old_examples_are_forgotten() -> None:
    norm = PartitionedNorm(1, 2)
    ones = torch.ones(5000, dtype=torch.int64)
    for _ in range(40):
        norm(torch.randn(5000, 1) + 3, ones)
    assert torch.allclose(norm.mean, torch.tensor(3.0), atol=0.1)
    for _ in range(40):
        norm(torch.randn(5000, 1) - 3, ones)
    assert torch.allclose(norm.mean, torch.tensor(-3.0), atol=0.1)


def test_one_row_is_ordinary_and_prediction_learns_nothing() -> None:
    norm = PartitionedNorm(3, 3)
    assert norm(torch.full((1, 3), 5.0), torch.tensor([2])).isfinite().all()
    assert norm(torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64)).shape == (0, 3)
    kept = norm.mean.clone()
    norm.eval()(torch.randn(4, 3), torch.tensor([0, 1, 2, 2]))
    with torch.no_grad():
        norm.train()(torch.randn(4, 3), torch.tensor([0, 1, 2, 2]))
    assert torch.equal(norm.mean, kept)
    assert not kept[1].any(), "no row of it was seen"
    assert kept[2].any()


def test_numbers_that_are_not_finite_leave_no_trace() -> None:
    norm = PartitionedNorm(2, 2)
    norm(torch.tensor([[float("nan"), 1.0], [2.0, float("inf")]]), torch.tensor([1, 0]))
    assert norm.mean.isfinite().all()
    assert norm.variance.isfinite().all()
