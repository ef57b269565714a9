from typing import Any

import numpy as np
import pytest
import torch

from plait.errors import RecipeError
from plait.recipe import load_recipe
from plait.share import HoME, Inputs
from support.forms import Array, gate_weights, linear, network, normalised, numpy, sigmoid, softmax

NAMES = ["a", "b", "c"]


def body(**settings: Any) -> HoME:
    torch.manual_seed(0)
    chosen = HoME.Settings(
        **{"groups": [["a", "c"]], "meta": [6, 5], "expert": [3], "rank": 2, "shared_experts": 1, **settings}
    )
    made = HoME(Inputs(4, tasks=NAMES), 3, chosen)
    for name, parameter in made.named_parameters():  # Away from the start, where gates are uniform.
        if "norm" not in name:
            torch.nn.init.normal_(parameter, std=0.5)
    return made


def expert_(expert: Any, x: Array) -> Array:
    gate = expert.feature_gate
    low = linear(gate.down, x).reshape(len(x), gate.count, gate.rank)
    masks = 2 * sigmoid(np.einsum("blr,lrd->bld", low, numpy(gate.up)))
    seen = x * np.einsum("bl,bld->bd", gate_weights(gate.choose, x), masks)
    out = normalised(linear(expert.last, network(expert.inner, seen)), expert.norm)
    return out * sigmoid(out)


def self_(gate: Any, x: Array) -> Array:
    logits = linear(gate.linear, x)
    return sigmoid(logits) if logits.shape[1] == 1 else softmax(logits)


def mixed(experts: list[Array], weights: Array) -> Array:
    found: Array = np.einsum("be,ebh->bh", weights, np.stack(experts))
    return found


def test_it_is_the_formula() -> None:
    sharing, x = body(), torch.randn(1, 6, 4)
    v = numpy(x[0])
    shared = [expert_(e, v) for e in sharing.meta_shared]
    own = [[expert_(e, v) for e in group] for group in sharing.meta_group]
    for_all = mixed([*own[0], *own[1], *shared], gate_weights(sharing.meta_shared_gate, v))
    for_all += mixed(shared, self_(sharing.meta_shared_self, v))
    found = numpy(sharing(x, [0, 1, 2]))
    for task, group in enumerate((0, 1, 0)):
        z = mixed([*own[group], *shared], gate_weights(sharing.meta_gates[group], v))
        z += mixed(own[group], self_(sharing.meta_selves[group], v))
        mine = sharing.tasks[task]
        of_task = [expert_(e, z) for e in mine.experts]
        experts = [*of_task, *(expert_(e, z) for e in sharing.group_experts[group])]
        experts += [expert_(e, for_all) for e in sharing.shared_experts]
        by_hand = mixed(experts, gate_weights(mine.gate, np.concatenate([z, for_all], 1)))
        by_hand += mixed(of_task, self_(mine.self_gate, z))
        assert np.allclose(found[task], by_hand, atol=1e-5)


def test_a_group_does_not_read_the_experts_of_another() -> None:
    sharing = body()
    sharing(torch.randn(1, 6, 4), [1]).sum().backward()
    other = sharing.group_experts[0].parameters()
    assert all(p.grad is None for p in other)
    mine = sharing.group_experts[1].parameters()
    assert all(p.grad is not None and p.grad.any() for p in mine)


def test_tasks_in_no_group_form_one_and_names_of_no_task_are_passed_over() -> None:
    assert body(groups=[["b"]]).group_of == [0, 1, 0]
    assert body(groups=[["c"], ["b"]]).group_of == [0, 1, 2]
    assert body(groups=[]).group_of == [0, 0, 0]
    assert HoME(Inputs(4, tasks=["b"]), 1, HoME.Settings(groups=[["a", "b"], ["c"]])).group_of == [0]


def test_experts_speak_equally_loud() -> None:
    torch.manual_seed(0)
    sharing = HoME(Inputs(4, tasks=NAMES), 3, HoME.Settings())
    x = torch.randn(64, 4) * torch.tensor([100.0, 1.0, 0.01, 1.0])
    loud = [expert(x).norm(dim=1).mean() for expert in sharing.meta_shared]
    assert max(loud) < 1.2 * min(loud)


def test_feature_gates_start_at_one() -> None:
    torch.manual_seed(0)
    gate = HoME(Inputs(4), 2, HoME.Settings()).meta_shared[0].feature_gate
    assert torch.allclose(gate(torch.randn(5, 4)), torch.ones(5, 4))


def test_names_in_groups_are_checked_with_the_recipe() -> None:
    recipe = {
        "name": "x",
        "tables": {"t": {"source": "t.parquet"}},
        "tasks": {
            "click": {"table": "t", "kind": "binary", "label": "a"},
            "buy": {"table": "t", "kind": "binary", "label": "b"},
        },
        "model": {"sharing": {"kind": "home", "groups": [["click", "buys"]]}},
    }
    with pytest.raises(
        RecipeError, match=r"`model.sharing.groups` should name tasks of the recipe. Found `buys`. Did you mean"
    ):
        load_recipe(recipe)
    with pytest.raises(RecipeError, match=r"should hold each task once. Found `buy` 2 times"):
        load_recipe({**recipe, "model": {"sharing": {"kind": "home", "groups": [["click", "buy"], ["buy"]]}}})
    fine = load_recipe({**recipe, "model": {"sharing": {"kind": "home", "groups": [["click", "buy"]]}}})
    assert fine.alone("buy", 16).model.sharing == fine.model.sharing
