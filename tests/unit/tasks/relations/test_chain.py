"""Chains of tasks: order, each ancestor once, who lends what, and the order of chances in what is predicted."""

import math

import pytest
import torch
from torch import Tensor

from plait.errors import RecipeError
from plait.layout import TaskLayout
from plait.tasks import Amount, Binary, Chain, Regression, build_chain
from plait.tasks.base import Head
from plait.tasks.relations.aitm import AITM
from plait.tasks.relations.dbmtl import DBMTL
from plait.tasks.relations.esmm import ESMM
from plait.tasks.relations.relation import Linked
from support.heads import head


def plain(kind: str = "binary", **known: object) -> Head:
    """Build a head whose output is the first number of its vector."""
    built = head(kind, **known)
    with torch.no_grad():
        for name, parameter in built.named_parameters():
            parameter.copy_(torch.tensor([[1.0, 0.0, 0.0]]) if "weight" in name else torch.zeros(1))
    return built


def outputs(chain: Chain, heads: dict[str, Head], **numbers: float) -> dict[str, Linked]:
    vectors = {name: torch.tensor([[number, 0.0, 0.0]]) for name, number in numbers.items()}
    found: dict[str, Linked] = chain(vectors, heads)
    return found


def chance(linked: Linked) -> float:
    return torch.sigmoid(linked.output.detach()).item()


def logit(p: float) -> float:
    return math.log(p / (1 - p))


def tied(**parents: list[str]) -> Chain:
    return Chain(parents, {name: ESMM() for name in parents})


def test_a_line_of_three() -> None:
    chain = tied(pay=["cart"], cart=["click"])
    assert chain.order == ["click", "cart", "pay"]
    heads = {name: plain() for name in chain.order}
    found = outputs(chain, heads, click=logit(0.5), cart=logit(0.4), pay=logit(0.3))
    assert [round(chance(found[name]), 5) for name in chain.order] == [0.5, 0.2, 0.06]


def test_each_ancestor_counts_once_however_many_ways_lead_to_it() -> None:
    # click -> cart -> pay, click -> view -> pay, and click -> pay
    chain = tied(pay=["cart", "view", "click"], cart=["click"], view=["click"])
    heads = {name: plain() for name in chain.order}
    found = outputs(chain, heads, click=logit(0.5), cart=logit(0.4), view=logit(0.6), pay=logit(0.3))
    assert math.isclose(chance(found["pay"]), 0.5 * 0.4 * 0.6 * 0.3, rel_tol=1e-5)
    assert chain.conditions("pay") == ["click", "cart", "view"]
    assert all(chance(found["pay"]) <= chance(found[parent]) for parent in chain.parents["pay"])


def test_a_tie_above_an_untied_parent_starts_at_that_parent() -> None:
    chain = Chain({"pay": ["cart"], "cart": ["click"]}, {"pay": ESMM(), "cart": DBMTL(3, 1, DBMTL.Settings())})
    assert chain.conditions("cart") == []
    assert chain.conditions("pay") == ["cart"]


def test_only_what_is_asked_for_and_what_it_needs() -> None:
    chain = tied(pay=["cart"], cart=["click"], like=["click"])
    assert chain.needed(["cart"]) == {"cart", "click"}
    assert chain.needed(["pay", "stars"]) == {"pay", "cart", "click", "stars"}
    heads = {name: plain() for name in chain.order}
    assert set(outputs(chain, heads, click=0.0, cart=0.0)) == {"click", "cart"}


def test_who_lends_what() -> None:
    line = {"pay": ["cart"], "cart": ["click"]}
    heads = {name: head("binary") for name in ("click", "cart", "pay")}
    exact = Chain(line, {"pay": ESMM(), "cart": ESMM()})
    assert (exact.lent_heads(heads), exact.lent_vectors(heads)) == ({"click", "cart"}, {"click", "cart"})
    learned = Chain(line, {name: DBMTL(3, 1, DBMTL.Settings()) for name in line})
    assert (learned.lent_heads(heads), learned.lent_vectors(heads)) == (set(), {"click", "cart"})
    soft = Chain(line, {"pay": AITM(3, 1, AITM.Settings()), "cart": ESMM()})
    assert soft.lent_heads(heads) == {"click", "cart"}
    spent = Chain(line, {"pay": ESMM(), "cart": ESMM()})
    assert spent.lent_heads(heads | {"pay": head("amount", mean=1.0)}) == {"click"}


@pytest.mark.parametrize("loss", ["tweedie", "lognormal"])
def test_the_loss_of_an_amount_stops_at_the_chance(loss: str) -> None:
    chain = tied(spend=["buy"])
    heads = {"buy": plain(), "spend": head("amount", {"loss": loss}, mean=2.0, above=0.1, log_mean=0.5, log_std=1.0)}
    vectors = {name: torch.randn(4, 3, requires_grad=True) for name in chain.order}
    found = chain(vectors, heads)
    heads["spend"].losses(found["spend"].output, torch.tensor([[0.0], [3.0], [0.0], [1.0]]), None).sum().backward()
    assert vectors["spend"].grad is not None
    assert vectors["buy"].grad is None
    assert all(p.grad is None for p in heads["buy"].parameters())


def test_an_expected_amount_is_a_chance_times_an_amount() -> None:
    chain = tied(spend=["buy"], buy=["visit"])
    heads = {"visit": plain(), "buy": plain(), "spend": plain("amount", mean=2.0)}
    found = outputs(chain, heads, visit=logit(0.5), buy=logit(0.2), spend=math.log(30.0))
    predicted = heads["spend"].predict(found["spend"].output.detach())
    assert math.isclose(predicted.item(), 0.5 * 0.2 * 30.0 * 2.0, rel_tol=1e-5)
    known = {"spend": predicted.clone(), "buy": torch.tensor([[0.1]]), "visit": torch.tensor([[0.5]])}
    chain.bound(known, heads)
    assert torch.equal(known["spend"], predicted)


def test_it_starts_at_the_base_rates() -> None:
    chain = tied(spend=["buy"], buy=["visit"])
    rates = {"visit": 0.147, "buy": 0.009, "spend": 1.05}
    heads: dict[str, Head] = {
        "visit": head("binary", mean=0.147),
        "buy": head("binary", mean=0.009),
        "spend": head("amount", mean=1.05),
    }
    chain.start(heads, rates)
    found: dict[str, Linked] = chain({name: torch.zeros(1, 3) for name in chain.order}, heads)
    predicted = {name: heads[name].predict(found[name].output).item() for name in chain.order}
    assert predicted == pytest.approx(rates, rel=1e-4)


def test_predictions_keep_the_order_through_the_last_rounding() -> None:
    chain = tied(pay=["cart"], cart=["click"])
    heads = {name: plain() for name in chain.order}
    draw = torch.Generator().manual_seed(2)
    for size in (1.0, 30.0, 300.0):
        vectors = {name: torch.randn(1_000_000, 3, generator=draw) * size for name in chain.order}
        found = chain(vectors, heads)
        predicted: dict[str, Tensor] = {name: heads[name].predict(found[name].output) for name in chain.order}
        before = dict(predicted)
        chain.bound(predicted, heads)
        assert bool((predicted["pay"] <= predicted["cart"]).all())
        assert bool((predicted["cart"] <= predicted["click"]).all())
        assert all(torch.allclose(before[name], predicted[name], atol=1e-7) for name in predicted)


def test_a_parent_with_a_focal_loss_counts_with_its_chance_and_not_its_output() -> None:
    chain = tied(cart=["click"])
    heads = {"click": head("binary", {"loss": "focal"}, mean=0.3), "cart": plain()}
    with torch.no_grad():
        for parameter in heads["click"].parameters():
            parameter.copy_(torch.tensor([[1.0, 0.0, 0.0]]) if parameter.ndim == 2 else torch.zeros(1))
    found = outputs(chain, heads, click=1.0, cart=logit(0.4))
    click = heads["click"].predict(found["click"].output.detach()).item()
    assert abs(click - 1 / (1 + math.exp(-1.0))) > 0.05
    assert math.isclose(chance(found["cart"]), 0.4 * click, rel_tol=1e-5)


def test_class_weights_leave_the_tie_on_the_scale_of_the_data() -> None:
    chain = tied(cart=["click"])
    heads = {"click": plain(), "cart": head("binary", {"class_weight": "balanced"}, mean=0.1)}
    with torch.no_grad():
        for parameter in heads["cart"].parameters():
            parameter.copy_(torch.tensor([[1.0, 0.0, 0.0]]) if parameter.ndim == 2 else torch.zeros(1))
    found = outputs(chain, heads, click=logit(0.5), cart=logit(0.2))
    assert math.isclose(heads["cart"].predict(found["cart"].output.detach()).item(), 0.1, rel_tol=1e-5)


@pytest.mark.parametrize(
    ("labels", "wanted"),
    [
        ({"cart": [1.0, 0.0, float("nan")], "view": [1.0, float("nan"), float("nan")]}, [1.0, 0.0, float("nan")]),
        ({"cart": [1.0, float("nan"), 0.0], "view": [float("nan"), 0.0, 1.0]}, [float("nan"), 0.0, 0.0]),
        ({"cart": [1.0, 0.0, 1.0]}, [float("nan"), 0.0, float("nan")]),
        ({}, [float("nan")] * 3),
    ],
)
def test_whether_all_parents_happened(labels: dict[str, list[float]], wanted: list[float]) -> None:
    chain = tied(pay=["cart", "view"])
    given = {name: torch.tensor(values)[:, None] for name, values in labels.items()}
    found = chain.happened("pay", given, torch.zeros(3, 1))
    assert torch.equal(found, torch.tensor(wanted)) or torch.allclose(found, torch.tensor(wanted), equal_nan=True)


def settings(kind: str, table: str = "visits", **more: object):
    kinds = {"binary": Binary, "amount": Amount, "regression": Regression}
    return kinds[kind].Settings.model_validate({"kind": kind, "table": table, "label": "y", **more})


def test_build_refuses_a_circle() -> None:
    tasks = {
        "a": settings("binary", given="c"),
        "b": settings("binary", given="a"),
        "c": settings("binary", given="b"),
    }
    with pytest.raises(RecipeError, match="Found `a` given `c` given `b` given `a`"):
        build_chain(tasks, 4, [])


def test_a_layout_without_chains_has_no_chain() -> None:
    chain = build_chain({"a": settings("binary"), "b": settings("amount")}, 4, [])
    assert chain.order == []
    assert list(chain.parameters()) == []
    assert chain.needed(["a"]) == {"a"}
    assert TaskLayout(name="a", kind="binary", table="t").mean == 0
