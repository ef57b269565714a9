import numpy as np
import pytest
import torch

from plait.errors import RecipeError
from plait.share import Inputs, PEPNet
from support.forms import linear, network, numpy, relu, sigmoid

SPANS = {"users/users.country": (0, 2), "users/users.id": (2, 4), "items/items.id": (5, 7), "second/items.id": (7, 9)}


def body(**settings) -> PEPNet:
    torch.manual_seed(0)
    chosen = {
        "domain_features": ["users.country"],
        "personal_features": ["users.id", "items.id"],
        "layers": [6, 3],
        "gate": 4,
    }
    made = PEPNet(Inputs(9, SPANS), 2, PEPNet.Settings(**{**chosen, **settings}))
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return made


def test_it_is_the_formula() -> None:
    sharing, x = body(), torch.randn(1, 6, 9)
    v = numpy(x[0])
    before, last = sharing.embedding_gate
    seen = v * 2 * sigmoid(linear(last.linear, network(before, np.concatenate([v[:, :2], v], 1))))
    ids = np.concatenate([v[:, 2:4], v[:, 5:7], v[:, 7:9], seen], 1)
    hidden = network(sharing.before_gates, ids)
    found = numpy(sharing(x, [1, 0]))
    for place, task in enumerate((1, 0)):
        tower, h = sharing.towers[task], seen
        for number, layer in enumerate(tower.layers):
            gate = 2 * sigmoid(linear(tower.gates[number].linear, hidden[:, number * 4 : (number + 1) * 4]))
            h = relu(linear(layer[0], h)) * gate
        assert np.allclose(found[place], h, atol=1e-5)


def test_gates_do_not_move_what_they_scale() -> None:
    sharing = body(domain_features=[])
    x = torch.randn(1, 6, 9, requires_grad=True)
    for tower in sharing.towers:
        torch.nn.init.zeros_(tower.layers[0][0].weight)
    sharing(x, [0]).sum().backward()
    assert x.grad is not None
    named = torch.zeros(9, dtype=torch.bool)
    named[[2, 3, 5, 6, 7, 8]] = True
    assert x.grad[0][:, named].any(), "who it is about leads to the gates"
    assert not x.grad[0][:, ~named].any(), "the rest enters the gates without a way back"


def test_gates_start_at_one() -> None:
    torch.manual_seed(0)
    plain = PEPNet(Inputs(9, SPANS), 1, PEPNet.Settings(layers=[4]))
    gated = PEPNet(
        Inputs(9, SPANS),
        1,
        PEPNet.Settings(domain_features=["users.country"], personal_features=["users.id"], layers=[4]),
    )
    gated.towers[0].layers.load_state_dict(plain.towers[0].layers.state_dict())
    x = torch.randn(1, 6, 9)
    assert torch.allclose(plain(x, [0]), gated(x, [0]))


def test_a_feature_of_several_roles_is_read_in_each() -> None:
    assert body().personal_places == [(2, 4), (5, 7), (7, 9)]


def test_an_unknown_feature_is_named() -> None:
    with pytest.raises(RecipeError, match=r"Found `users.contry`. Did you mean `users.country`"):
        body(domain_features=["users.contry"])
