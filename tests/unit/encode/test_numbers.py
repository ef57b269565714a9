import itertools

import torch

from plait.encode.numbers import PiecewiseNumbers, PlainNumbers
from plait.layout import FeatureLayout


def feature(name: str, numbers: list[int], edges: list[float] | None = None) -> FeatureLayout:
    return FeatureLayout(name=name, kind="number", numbers=numbers, edges=edges or [])


def test_plain_numbers_in_order_are_a_view() -> None:
    encoder = PlainNumbers([feature("t.a", [0, 1]), feature("t.b", [2])])
    numbers = torch.randn(4, 3)
    assert encoder(numbers).data_ptr() == numbers.data_ptr()
    assert encoder.spans == {"t.a": (0, 2), "t.b": (2, 3)}


def test_plain_numbers_out_of_order() -> None:
    encoder = PlainNumbers([feature("t.b", [2]), feature("t.a", [0])])
    numbers = torch.randn(4, 3)
    assert torch.equal(encoder(numbers), numbers[:, [2, 0]])


def by_hand(encoder: PiecewiseNumbers, row: int, edges: list[float], value: float) -> torch.Tensor:
    """Walk over the bins one by one, as the formula says."""
    found = torch.zeros(encoder.rise.shape[2])
    lows, widths = [edges[0], *edges], [1.0, *(b - a for a, b in itertools.pairwise(edges)), 1.0]
    for k, (low, width) in enumerate(zip(lows, widths, strict=True)):
        if k == len(edges) or value < edges[k]:
            return found + encoder.rise[row, k] * (value - low) / width + encoder.jump[row, k]
        found = found + encoder.rise[row, k]
    raise AssertionError


def test_piecewise_by_hand() -> None:
    edges = [0.0, 1.0, 3.0]
    encoder = PiecewiseNumbers([feature("t.a", [1, 0], edges)], width=4)
    for value in (-2.0, 0.0, 0.5, 1.0, 2.0, 3.0, 9.0):
        for mark in (0.0, 1.0):
            out = encoder(torch.tensor([[mark, value]]))[0]
            assert torch.allclose(out, by_hand(encoder, 0, edges, value) + mark * encoder.missing[0], atol=1e-5)


def test_features_with_fewer_edges() -> None:
    few, many = [0.0, 1.0], [-1.0, 0.0, 0.5, 2.0]
    time = FeatureLayout(name="t.when", kind="time", numbers=[2, 3])
    both = PiecewiseNumbers([feature("t.a", [0], few), time, feature("t.b", [1], many)], width=5)
    assert both.spans == {"t.a": (0, 5), "t.b": (5, 10), "t.when": (10, 12)}
    numbers = torch.randn(40, 4)
    out = both(numbers)
    assert torch.equal(out[:, 10:], numbers[:, 2:])
    for row in range(40):
        assert torch.allclose(out[row, :5], by_hand(both, 0, few, float(numbers[row, 0])), atol=1e-5)
        assert torch.allclose(out[row, 5:10], by_hand(both, 1, many, float(numbers[row, 1])), atol=1e-5)


def test_batches_of_none_and_one_and_no_features() -> None:
    encoder = PiecewiseNumbers([feature("t.a", [0], [0.0, 1.0])], width=2)
    for rows in (0, 1):
        assert encoder(torch.zeros(rows, 1)).shape == (rows, 2)
    assert PiecewiseNumbers([], width=2)(torch.zeros(3, 0)).shape == (3, 0)


def test_an_unbounded_value_stays_distinguishable() -> None:
    encoder = PiecewiseNumbers([feature("t.a", [0], [0.0, 1.0])], width=3)
    near, far = encoder(torch.tensor([[5.0]])), encoder(torch.tensor([[50.0]]))
    assert not torch.allclose(near, far)
