import torch

from plait.balance.first import FirstLosses


def test_ten_looks_are_the_size() -> None:
    first = FirstLosses(2)
    both = torch.ones(2, dtype=torch.bool)
    for step in range(15):
        size = first(torch.tensor([float(step), -2.0]), both)
    assert size.tolist() == [4.5, 2.0], "the mean of 0 to 9, and of sizes without their sign"


def test_a_task_that_was_not_seen_or_costs_nothing_has_the_size_one() -> None:
    first = FirstLosses(3)
    assert first(torch.tensor([3.0, 5.0, 0.0]), torch.tensor([True, False, True])).tolist() == [3.0, 1.0, 1.0]
    assert first.looks.tolist() == [1.0, 0.0, 1.0]
