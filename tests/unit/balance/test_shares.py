import numpy as np
import pytest
import torch

from plait.balance.shares import on_simplex, shares
from support.simplex import projected


@pytest.mark.parametrize("values", [[0.2, 0.3, 0.5], [2.0, 0.0, 0.0], [0.9, 0.8, -3.0], [5.0, 5.0, 5.0]])
def test_the_projection(values: list[float]) -> None:
    assert np.allclose(on_simplex(torch.tensor(values)).numpy(), projected(np.array(values)), atol=1e-5)


def test_the_projection_of_what_is_no_number_is_none() -> None:
    assert on_simplex(torch.tensor([0.5, float("nan")])).isnan().all()


def test_equal_weights_are_the_average() -> None:
    assert shares(torch.tensor([3.0, 3.0]), torch.tensor([True, False])).tolist() == [1.0, 0.0]


def test_shares_have_the_mean_one_before_they_are_divided() -> None:
    found = shares(torch.tensor([1.0, 3.0]), torch.tensor([True, True]))
    assert found.tolist() == [0.25, 0.75]


def test_weights_of_nothing_count_as_equal() -> None:
    assert shares(torch.zeros(2), torch.tensor([True, True])).tolist() == [0.5, 0.5]
