import pytest
import torch

from plait.encode.text.pool import Pooling, pool

STATES = torch.tensor([[[1.0, 2.0], [3.0, 4.0], [50.0, 60.0]], [[5.0, 6.0], [7.0, 8.0], [9.0, 10.0]]])
RIGHT = torch.tensor([[1, 1, 0], [1, 1, 1]])


@pytest.mark.parametrize(
    ("how", "golden"), [("mean", [[2, 3], [7, 8]]), ("first", [[1, 2], [5, 6]]), ("last", [[3, 4], [9, 10]])]
)
def test_by_hand(how: Pooling, golden: list[list[float]]) -> None:
    assert pool(STATES, RIGHT, how).tolist() == golden


@pytest.mark.parametrize("how", ["mean", "first", "last"])
def test_the_side_of_the_padding_does_not_matter(how: Pooling) -> None:
    left = pool(STATES.roll(1, 1)[:1], torch.tensor([[0, 1, 1]]), how)
    assert torch.equal(left, pool(STATES[:1], RIGHT[:1], how))


@pytest.mark.parametrize("how", ["mean", "first", "last"])
def test_rows_of_padding_alone_and_no_rows(how: Pooling) -> None:
    assert pool(STATES[:1], torch.zeros(1, 3, dtype=torch.int64), how).tolist() == [[0, 0]]
    assert pool(STATES[:0], RIGHT[:0], how).shape == (0, 2)
