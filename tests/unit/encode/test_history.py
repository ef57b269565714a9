import pytest
import torch

from plait.encode.history import GRU, Attention, Transformer, build_history

KINDS = [Attention.Settings(), GRU.Settings(), GRU.Settings(layers=2), Transformer.Settings(layers=2, dropout=0.0)]
MASK = torch.tensor([[False] * 4, [False, False, True, True], [True] * 4])


@pytest.fixture(params=KINDS, ids=lambda s: s.kind)
def pool(request):
    torch.manual_seed(0)
    return build_history(request.param, 6)


@pytest.mark.parametrize("asked", [True, False])
def test_an_empty_history_is_zero_and_padding_changes_nothing(pool, asked: bool) -> None:
    items, query = torch.randn(3, 4, 6), torch.randn(3, 6) if asked else None
    out = pool(items, MASK, query)
    assert out.shape == (3, 6)
    assert out.isfinite().all()
    assert not out[0].any()
    shorter = pool(items[1:, 2:], MASK[1:, 2:], None if query is None else query[1:])
    assert torch.allclose(out[1], shorter[0], atol=1e-6)
    changed = items.masked_fill(~MASK[:, :, None], 99.0)
    assert torch.allclose(pool(changed, MASK, query), out, atol=1e-6)


def test_no_rows_one_row_no_items(pool) -> None:
    for rows in (0, 1):
        for length in (0, 1, 3):
            out = pool(torch.randn(rows, length, 6), torch.ones(rows, length, dtype=torch.bool), None)
            assert out.shape == (rows, 6)
            assert out.isfinite().all()


def test_gradients_are_finite_and_reach_the_items(pool) -> None:
    items = torch.randn(3, 4, 6, requires_grad=True)
    pool(items, MASK, torch.randn(3, 6)).square().sum().backward()
    assert items.grad is not None
    assert items.grad.isfinite().all()
    assert not items.grad[0].any()
    assert bool(items.grad[2].any(1).all())


def test_finite_in_bfloat16(pool) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        out = pool(torch.randn(3, 4, 6), MASK, torch.randn(3, 6))
    out.float().sum().backward()
    assert out.isfinite().all()


def test_attention_prefers_what_the_candidate_asks_for() -> None:
    torch.manual_seed(0)
    pool = build_history(Attention.Settings(), 4)
    optimiser = torch.optim.Adam(pool.parameters(), lr=0.03)
    for _ in range(120):
        items = torch.nn.functional.normalize(torch.randn(64, 5, 4), dim=2)
        wanted = items[:, 2]
        optimiser.zero_grad()
        (pool(items, torch.ones(64, 5, dtype=torch.bool), wanted) - wanted).square().mean().backward()
        optimiser.step()
    items = torch.nn.functional.normalize(torch.randn(64, 5, 4), dim=2)
    near = (pool(items, torch.ones(64, 5, dtype=torch.bool), items[:, 2])[:, None] * items).sum(2).argmax(1)
    assert (near == 2).float().mean() > 0.7


def test_the_order_matters_to_a_gru() -> None:
    torch.manual_seed(0)
    pool, items, mask = build_history(GRU.Settings(), 6), torch.randn(1, 3, 6), torch.ones(1, 3, dtype=torch.bool)
    assert not torch.allclose(pool(items, mask, None), pool(items.flip(1), mask, None))


def test_more_items_than_positions() -> None:
    for settings in (Attention.Settings(positions=2), Transformer.Settings(positions=2)):
        assert build_history(settings, 6)(torch.randn(1, 9, 6), torch.ones(1, 9, dtype=torch.bool), None).isfinite().all()
