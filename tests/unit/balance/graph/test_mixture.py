"""Gradients at a mixture of experts, kept as one vector per task, against the same laid out in full."""

import pytest
import torch
from torch import Tensor, nn

from plait.balance.graph.jacobian import Jacobian
from plait.balance.graph.mixture import Mixture
from plait.balance.graph.walk import loss_edges
from plait.share import Inputs, MMoE, build_sharing

WEIGHTS = torch.tensor([0.5, -1.0, 2.0])


class Net:
    """Three tasks on a mixture of experts; one may read another's head too, as chained tasks do."""

    def __init__(self, chained: bool = False) -> None:
        torch.manual_seed(0)
        self.body = build_sharing(MMoE.Settings(experts=3, expert=[6, 5]), Inputs(4), 3)
        for parameter in self.body.parameters():
            nn.init.normal_(parameter, std=0.5)
        self.heads = [nn.Linear(5, 1) for _ in range(3)]
        self.x = torch.randn(1, 2000, 4, requires_grad=True)
        self.chained = chained
        self.own = [[*head.parameters(), *self.body.own(task)] for task, head in enumerate(self.heads)]
        mine = {id(p) for some in self.own for p in some}
        self.shared = [*(p for p in self.body.parameters() if id(p) not in mine), self.x]

    def losses(self) -> Tensor:
        outputs = [head(h)[:, 0] for head, h in zip(self.heads, self.body(self.x, [0, 1, 2]), strict=True)]
        if self.chained:
            outputs[2] = outputs[2] + outputs[0]
        return torch.stack([(output - number).square().mean() for number, output in enumerate(outputs)])

    def take(self) -> Jacobian:
        edges = [edge for edge in loss_edges(self.losses())[0] if edge is not None]
        return Jacobian.take(edges, [torch.ones(())] * 3, [0, 1, 2], "auto", self.shared, self.own)

    def at_experts(self) -> Tensor:
        """Return the gradients at the experts' outputs, laid out in full."""
        found: list[list[Tensor]] = []
        self.body.eval()
        for task in range(3):
            outputs: list[Tensor] = []
            hooks = [
                expert.register_forward_hook(lambda m, i, o, keep=outputs: keep.append(o)) for expert in self.body.experts
            ]
            loss = self.losses()[task]
            found.append(list(torch.autograd.grad(loss, outputs)))
            for hook in hooks:
                hook.remove()
        self.body.train()
        return torch.stack([torch.stack(row).flatten() for row in found])


@pytest.mark.parametrize("chained", [False, True])
def test_inner_products_are_those_at_the_experts(chained: bool) -> None:
    net = Net(chained)
    jacobian = net.take()
    assert [type(place) for place in jacobian.places] == [Mixture]
    full = net.at_experts()
    assert torch.allclose(jacobian.gramian(), full @ full.T, rtol=1e-4)


@pytest.mark.parametrize("chained", [False, True])
def test_what_is_sent_arrives_once(chained: bool) -> None:
    net = Net(chained)
    expected = torch.autograd.grad((net.losses() * WEIGHTS).sum(), net.shared)
    each = [torch.autograd.grad(net.losses().sum(), own) for own in net.own]
    jacobian = net.take()
    jacobian.send(jacobian.combine(WEIGHTS), net.shared)
    for tensor, gradient in zip(net.shared, expected, strict=True):
        assert torch.allclose(tensor.grad, gradient, rtol=1e-3, atol=1e-6)
    for own, gradients in zip(net.own, each, strict=True):
        for tensor, gradient in zip(own, gradients, strict=True):
            assert torch.allclose(tensor.grad, gradient / 3, rtol=1e-3, atol=1e-6)


def test_a_rule_sees_the_experts_number_by_number() -> None:
    net = Net()
    full = net.at_experts()
    jacobian = net.take()
    seen: list[Tensor] = []
    sent = jacobian.aggregate(lambda rows: (seen.append(rows.clone()), rows.sum(0))[1], 1.0)
    assert torch.allclose(torch.cat(seen, dim=1), full, atol=1e-7)
    jacobian.send(sent, net.shared)
    expected = torch.autograd.grad(net.losses().sum(), net.shared)
    for tensor, gradient in zip(net.shared, expected, strict=True):
        assert torch.allclose(tensor.grad, gradient, rtol=1e-3, atol=1e-6)


def test_tasks_that_are_not_asked_for_have_no_vector() -> None:
    net = Net()
    losses = net.losses()
    edges = [edge for edge in loss_edges(losses)[0] if edge is not None]
    jacobian = Jacobian.take(edges[1:], [torch.ones(())] * 2, [1, 2], "auto", net.shared, net.own)
    assert [[place for place, _ in row[0]] for row in jacobian.rows] == [[1], [2]]
    jacobian.send(jacobian.combine(WEIGHTS[1:]), net.shared)
    expected = torch.autograd.grad((net.losses()[1:] * WEIGHTS[1:]).sum(), net.shared)
    for tensor, gradient in zip(net.shared, expected, strict=True):
        assert torch.allclose(tensor.grad, gradient, rtol=1e-3, atol=1e-6)
