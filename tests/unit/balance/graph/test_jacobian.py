import pytest
import torch
from torch import Tensor, nn

from plait.balance.graph.jacobian import Jacobian
from plait.balance.graph.walk import loss_edges
from plait.errors import RecipeError
from plait.share.parting import alias, part


class Net:
    """A shared matrix, a marked layer, a head per task."""

    def __init__(self, passes: int = 1, bypass: bool = False) -> None:
        torch.manual_seed(0)
        self.trunk = nn.Linear(4, 5)
        self.heads = [nn.Linear(5, 1) for _ in range(3)]
        self.x = torch.randn(7, 4)
        self.passes, self.bypass = passes, bypass

    def losses(self) -> Tensor:
        hidden = [part(torch.relu(self.trunk(self.x))) for _ in range(self.passes)]
        each = []
        for number, head in enumerate(self.heads):
            loss = (head(hidden[number % self.passes])[:, 0] - number).square().mean()
            each.append(loss + self.trunk.bias.square().sum() if self.bypass and number == 1 else loss)
        return torch.stack(each)

    @property
    def shared(self) -> list[Tensor]:
        return list(self.trunk.parameters())

    @property
    def own(self) -> list[list[Tensor]]:
        return [list(head.parameters()) for head in self.heads]

    def take(self, at: str) -> Jacobian:
        edges = [edge for edge in loss_edges(self.losses())[0] if edge is not None]
        return Jacobian.take(edges, [torch.ones(())] * 3, [0, 1, 2], at, self.shared, self.own)

    def true(self) -> Tensor:
        rows = [torch.autograd.grad(loss, self.shared, retain_graph=True) for loss in self.losses()]
        return torch.stack([torch.cat([part.flatten() for part in row]) for row in rows])


def moved(net: Net) -> Tensor:
    return torch.cat([p.grad.flatten() for p in net.shared if p.grad is not None])


def test_the_gramian_at_the_parameters_is_that_of_the_gradients() -> None:
    net = Net()
    true = net.true()
    assert torch.allclose(net.take("parameters").gramian(), true @ true.T, rtol=1e-5)


@pytest.mark.parametrize("at", ["auto", "representation", "parameters"])
@pytest.mark.parametrize("bypass", [False, True])
@pytest.mark.parametrize("passes", [1, 2])
def test_what_is_sent_arrives_once_wherever_it_was_taken(at: str, bypass: bool, passes: int) -> None:
    net = Net(passes, bypass)
    weights = torch.tensor([0.5, -1.0, 2.0])
    true = weights @ net.true()
    jacobian = net.take(at)
    jacobian.send(jacobian.combine(weights), net.shared)
    assert torch.allclose(moved(net), true, atol=1e-5)
    for number, head in enumerate(net.heads):
        plain = torch.autograd.grad(net.losses()[number], list(head.parameters()))
        assert all(torch.allclose(p.grad * 3, g, atol=1e-6) for p, g in zip(head.parameters(), plain, strict=True))


def test_auto_takes_gradients_where_the_tasks_meet() -> None:
    assert not isinstance(Net().take("auto").places[0], Tensor)
    apart = Net(passes=2)
    assert isinstance(apart.take("auto").places[0], Tensor)
    assert apart.take("representation").gramian()[0, 1] == 0, "two passes do not meet at the marks"
    true = apart.true()
    assert torch.allclose(apart.take("auto").gramian(), true @ true.T, rtol=1e-5)


def test_a_leaf_read_past_the_marks_is_a_place_of_its_own() -> None:
    x = torch.randn(6, 3)
    body, past = nn.Linear(3, 2), nn.Parameter(torch.randn(2))
    hidden = part(body(x))
    losses = torch.stack([hidden.mean(), (hidden * past).mean()])
    edges = [edge for edge in loss_edges(losses)[0] if edge is not None]
    shared = [*body.parameters(), past]
    jacobian = Jacobian.take(edges, [torch.ones(())] * 2, [0, 1], "representation", shared, [[], []])
    assert any(place is past for place in jacobian.places)
    jacobian.send(jacobian.combine(torch.tensor([1.0, 3.0])), shared)
    hidden = body(x)
    expected = torch.autograd.grad(hidden.mean() + 3 * (hidden * past).mean(), shared)
    assert all(torch.allclose(p.grad, g, atol=1e-6) for p, g in zip(shared, expected, strict=True))


def test_in_bfloat16_products_are_exact_and_what_is_sent_keeps_its_type() -> None:
    rows = [[(torch.randn(40, 30) + 1).bfloat16()] for _ in range(3)]
    exact = torch.stack([row[0].double().flatten() for row in rows])
    jacobian = Jacobian([0, 1, 2], [torch.zeros(40, 30)], rows)
    assert torch.allclose(jacobian.gramian().double(), exact @ exact.T, rtol=1e-5)
    sent = jacobian.combine(torch.tensor([1.0, 2.0, 3.0]))[0]
    assert sent is not None
    assert sent.dtype == torch.bfloat16
    assert torch.allclose(sent.double().flatten(), torch.tensor([1.0, 2.0, 3.0]).double() @ exact, rtol=1e-2, atol=1e-2)


def test_a_rule_that_works_number_by_number() -> None:
    net = Net()
    true = net.true()
    jacobian = net.take("parameters")
    jacobian.send(jacobian.aggregate(lambda rows: rows.amax(0), 1.0), net.shared)
    assert torch.allclose(moved(net), true.amax(0), atol=1e-6)


def test_losses_of_several_draws() -> None:
    x = torch.ones(2, requires_grad=True)
    one, two = torch.stack([x.sum(), torch.zeros(())]), torch.stack([x.prod(), (x * 2).sum()])
    edges = loss_edges(torch.stack([one, two, torch.zeros(2)]))
    assert [[edge is not None for edge in draw] for draw in edges] == [[True, False], [True, True], [False, False]]
    assert [edge is not None for edge in loss_edges(one)[0]] == [True, False]


def test_a_body_that_marks_nothing_has_no_representation() -> None:
    x = torch.ones(2, requires_grad=True)
    edges = [edge for edge in loss_edges(torch.stack([x.sum(), x.prod()]))[0] if edge is not None]
    with pytest.raises(RecipeError, match="does not mark where the tasks part") as error:
        Jacobian.take(edges, [torch.ones(())] * 2, [0, 1], "representation", [x], [[], []])
    assert "Set `balance.at: parameters`, or leave it at `auto`" in str(error.value)
    assert alias(x).grad_fn is not None
