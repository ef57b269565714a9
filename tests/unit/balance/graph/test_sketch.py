import torch
from torch import Tensor, nn

from plait.balance.graph.jacobian import Jacobian
from plait.balance.graph.sketch import SLOTS, place_for, sketch
from plait.balance.graph.walk import loss_edges
from plait.share import Inputs, MMoE, SharedBottom, build_sharing
from plait.share.parting import part


def taken(losses: Tensor, shared: list[Tensor], own: list[list[Tensor]], at: str = "auto") -> Jacobian:
    edges = [edge for edge in loss_edges(losses)[0] if edge is not None]
    place = place_for(at, edges)
    return Jacobian.take(edges, [torch.ones(())] * len(edges), list(range(len(edges))), place, shared, own)


def test_at_the_marks_it_is_the_gradient_of_a_bias() -> None:
    torch.manual_seed(0)
    for settings in (SharedBottom.Settings(layers=[5]), MMoE.Settings(experts=3, expert=[5])):
        body = build_sharing(settings, Inputs(4), 2)
        heads = [nn.Linear(5, 1) for _ in range(2)]
        x = torch.randn(1, 9, 4)
        losses = torch.stack([head(hidden).square().mean() for head, hidden in zip(heads, body(x, [0, 1]), strict=True)])
        own = [[*head.parameters(), *body.own(task)] for task, head in enumerate(heads)]
        shared = [p for p in body.parameters() if all(p is not q for some in own for q in some)]
        found = sketch(taken(losses, shared, own), shared)
        assert found.shape == (2, SLOTS)
        assert found.any(1).all()


def test_one_output_by_hand() -> None:
    x, weight = torch.randn(6, 3), nn.Parameter(torch.randn(3, 2))
    hidden = part(x @ weight)
    losses = torch.stack([hidden[:, 0].sum(), (hidden * torch.tensor([1.0, 3.0])).sum()])
    found = sketch(taken(losses, [weight], [[], []]), [weight])
    assert found[:, :2].tolist() == [[6.0, 0.0], [6.0, 18.0]]
    assert not found[:, 2:].any()


def test_another_pass_takes_the_same_slots() -> None:
    weight = nn.Parameter(torch.randn(3, 2))
    losses = torch.stack([part(torch.randn(rows, 3) @ weight).sum() for rows in (4, 7)])
    found = sketch(taken(losses, [weight], [[], []]), [weight])
    assert found[:, :2].tolist() == [[4.0, 4.0], [7.0, 7.0]]
    assert not found[:, 2:].any()


def test_products_at_the_parameters_are_right_on_average() -> None:
    torch.manual_seed(0)
    weight = nn.Parameter(torch.zeros(200, 150))
    rows = torch.randn(3, 200, 150)
    rows[1] += rows[0]
    losses = torch.stack([(row * weight).sum() for row in rows])
    found = sketch(taken(losses, [weight], [[], [], []], "parameters"), [weight])
    true = rows.flatten(1) @ rows.flatten(1).T
    assert torch.allclose(found @ found.T / 30000, true / 30000, atol=0.15)


def test_looked_up_rows_are_left_out() -> None:
    weight, looked = nn.Parameter(torch.ones(2)), torch.ones(5, requires_grad=True)
    losses = torch.stack([weight.sum() + looked.sum(), weight.prod() * looked.prod()])
    found = sketch(taken(losses, [weight, looked], [[], []]), [weight])
    assert found.sum(1).tolist() == [2.0, 2.0]
