import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from plait.encode.ids import FusedEmbedding


def table(views: int = 1) -> FusedEmbedding:
    torch.manual_seed(0)
    return FusedEmbedding(10, 3, views)


def test_nothing_here_is_zero() -> None:
    found = table()
    assert not found(torch.tensor([[0, 1]], dtype=torch.int32))[0, 0, 0].any()
    assert found.weight[1:].norm(dim=1).mean().item() > 0.5


def test_evaluation_and_training_look_up_the_same() -> None:
    found = table(views=2)
    codes = torch.randint(0, 10, (5, 4), dtype=torch.int32)
    trained = found(codes)
    plain = found.eval()(codes)
    assert trained.shape == (2, 5, 4, 3)
    assert torch.equal(trained, plain)
    assert not plain.requires_grad
    expected = found.weight.detach()[codes.long()].unflatten(2, (2, 3)).permute(2, 0, 1, 3)
    assert torch.equal(plain, expected)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=24))
def test_the_gradient_is_that_of_the_table(values: list[int]) -> None:
    codes = torch.tensor([values], dtype=torch.int32)
    found = table()
    factor = torch.randn(1, 1, len(values), 3)
    (found(codes) * factor).sum().backward()
    dense = found.weight.detach().clone().requires_grad_()
    (dense[codes.long()][None] * factor).sum().backward()
    assert dense.grad is not None
    dense.grad[0] = 0
    [(which, rows)] = found.take()
    assert which.tolist() == sorted(set(values))
    assert rows.grad is not None
    assert torch.allclose(rows.grad, dense.grad[which.long()], atol=1e-5)
    assert found.weight.grad is None


def test_take_hands_out_each_lookup_once() -> None:
    found = table()
    for size in (2, 3):
        found(torch.ones(size, 1, dtype=torch.int32))
    assert len(found.take()) == 2
    assert found.take() == []


def test_nothing_is_kept_where_nothing_learns() -> None:
    found = table()
    codes = torch.ones(2, 1, dtype=torch.int32)
    with torch.no_grad():
        found(codes)
    found.eval()(codes)
    found.train().weight.requires_grad_(False)
    assert not found(codes).requires_grad
    assert found.take() == []


def test_batches_of_none_and_one() -> None:
    found = table(views=2)
    assert found(torch.zeros(0, 4, dtype=torch.int32)).shape == (2, 0, 4, 3)
    assert found(torch.zeros(2, 0, dtype=torch.int32)).shape == (2, 2, 0, 3)
    assert found(torch.ones(1, 4, dtype=torch.int32)).shape == (2, 1, 4, 3)


def test_autocast_keeps_rows_in_full_precision() -> None:
    found = table()
    with torch.autocast("cpu", torch.bfloat16):
        out = found(torch.ones(4, 2, dtype=torch.int32))
        (out[0].flatten(1) @ torch.randn(6, 2)).float().sum().backward()
    [(_, rows)] = found.take()
    assert out.dtype == torch.float32
    assert rows.grad is not None
    assert rows.grad.dtype == torch.float32
