import torch
from torch import nn

from plait.balance.graph import loss_edges, parting_edges
from plait.share.parting import alias, join, part, part_weights


def test_marks_are_found_from_the_losses_and_nothing_behind_them() -> None:
    x = torch.randn(3, 2, requires_grad=True)
    behind = part(x * 2)
    shared = part(behind + 1)
    marks = parting_edges([edge for edge in loss_edges(torch.stack([shared.sum(), (shared * 2).sum()])) if edge is not None])
    assert [mark.node for mark in marks] == [shared.grad_fn]


def test_an_alias_tells_one_reader_from_the_others() -> None:
    x = torch.randn(3, 2, requires_grad=True)
    read = part(alias(x))
    (grad,) = torch.autograd.grad((read * 3 + x * 5).sum(), [read])
    assert torch.equal(grad, torch.full((3, 2), 3.0))


def test_marked_weights_hold_what_tasks_share_above_the_parting() -> None:
    layer = nn.Linear(2, 2)
    inputs = torch.randn(2, 3, 2)
    losses = torch.stack([layer(x).square().sum() for x in inputs])
    part_weights(layer.parameters())
    roots = [edge for edge in loss_edges(losses) if edge is not None]
    marks = parting_edges(roots)
    for number, loss in enumerate(losses):
        found = torch.autograd.grad([roots[number]], marks, retain_graph=True)
        true = torch.autograd.grad(loss, list(layer.parameters()), retain_graph=True)
        assert {tuple(g.shape): g.sum() for g in found} == {tuple(g.shape): g.sum() for g in true}


def test_without_a_graph_nothing_is_marked() -> None:
    layer = nn.Linear(2, 2)
    x = torch.randn(3, 2)
    with torch.no_grad():
        assert alias(x) is x
        loss = layer(part(alias(x))).sum()
        part_weights(layer.parameters())
    assert loss_edges(torch.stack([loss])) == [None]
    roots = [edge for edge in loss_edges(torch.stack([layer(x).sum()])) if edge is not None]
    assert parting_edges(roots) == []


def test_join_sends_nothing_to_those_that_got_nothing() -> None:
    one, two = (torch.randn(3, 2, requires_grad=True) for _ in range(2))
    join([one, two])[0].sum().backward()
    assert two.grad is None
    assert one.grad is not None
