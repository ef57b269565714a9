import torch
from torch import Tensor, nn

from plait.balance.graph.walk import loss_edges, nearest
from plait.share.parting import alias, join, part


def marks(losses: list[Tensor]) -> list[object]:
    return [node for edge in loss_edges(torch.stack(losses))[0] if edge is not None for node in nearest(edge).marks]


def test_marks_are_found_from_the_losses_and_nothing_behind_them() -> None:
    x = torch.randn(3, 2, requires_grad=True)
    shared = part(part(x * 2) + 1)
    assert marks([shared.sum()]) == [shared.grad_fn]


def test_an_alias_tells_one_reader_from_the_others() -> None:
    x = torch.randn(3, 2, requires_grad=True)
    read = part(alias(x))
    (grad,) = torch.autograd.grad((read * 3 + x * 5).sum(), [read])
    assert torch.equal(grad, torch.full((3, 2), 3.0))


def test_without_a_graph_nothing_is_marked() -> None:
    layer, x = nn.Linear(2, 2), torch.randn(3, 2)
    assert part(x) is x
    with torch.no_grad():
        assert alias(x) is x
        layer(part(alias(x)))
    assert marks([layer(x).sum()]) == []


def test_join_sends_nothing_to_those_that_got_nothing() -> None:
    one, two = (torch.randn(3, 2, requires_grad=True) for _ in range(2))
    join([one, two])[0].sum().backward()
    assert two.grad is None
    assert one.grad is not None
