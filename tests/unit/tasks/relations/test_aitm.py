"""AITM: attention against NumPy, the calibrator by hand, and the exact order."""

import numpy as np
import torch

from plait.tasks import Chain
from plait.tasks.relations.aitm import AITM
from plait.tasks.relations.relation import Linked, Told
from support.heads import head


def test_attention_against_numpy() -> None:
    torch.manual_seed(2)
    relation = AITM(3, 2, AITM.Settings())
    own, first, second = torch.randn(3, 7, 3)
    found = relation.read(own, [first, second]).detach().numpy()
    weights = {name: p.detach().double().numpy() for name, p in relation.named_parameters()}
    rows = [own.double().numpy()]
    for number, parent in enumerate((first, second)):
        layer = parent.double().numpy() @ weights[f"transfer.{number}.0.weight"].T + weights[f"transfer.{number}.0.bias"]
        rows.append(np.maximum(layer, 0))
    known = np.stack(rows, axis=1)
    query, key, value = (known @ weights[f"{name}.weight"].T for name in ("query", "key", "value"))
    fit = (query * key).sum(2) / np.sqrt(3)
    share = np.exp(fit) / np.exp(fit).sum(1, keepdims=True)
    assert np.allclose(found, (share[:, :, None] * value).sum(1), atol=1e-5)


def linked(child: list[float], *parents: list[float]) -> Linked:
    output = torch.logit(torch.tensor(child))[:, None].requires_grad_()
    chances = tuple(torch.logit(torch.tensor(parent)).requires_grad_() for parent in parents)
    return Linked(torch.zeros(len(child), 3), output, output, None, chances)


def test_the_calibrator_by_hand() -> None:
    relation = AITM(3, 2, AITM.Settings(calibrator=2.0))
    buy = head("binary")
    case = linked([0.5, 0.2, 0.9], [0.4, 0.4, 0.5], [0.6, 0.1, 0.7])
    told = Told(torch.tensor([[1.0], [0.0], [1.0]]), None, torch.ones(3))
    extra = relation.losses(buy, case, told) - buy.losses(case.output, told.label, None)
    assert torch.allclose(extra, torch.tensor([2 * 0.1, 2 * 0.1, 2 * (0.4 + 0.2)]), atol=1e-6)
    extra.sum().backward()
    assert case.parents[0].grad is not None
    assert (case.parents[0].grad < 0).tolist() == [True, False, True]


def test_without_calibrator_nothing_is_asked_of_the_parents() -> None:
    chain = Chain({"buy": ["click"]}, {"buy": AITM(3, 1, AITM.Settings(calibrator=0.0))})
    heads = {name: head("binary") for name in chain.order}
    found = chain({name: torch.randn(4, 3) for name in chain.order}, heads)
    assert found["buy"].parents == ()
    assert chain.lent_heads(heads) == set()


def test_declared_exact_the_order_holds_and_costs_nothing() -> None:
    relation = AITM(3, 1, AITM.Settings(order="exact"))
    chain = Chain({"buy": ["click"]}, {"buy": relation})
    heads = {name: head("binary") for name in chain.order}
    found = chain({name: torch.randn(1000, 3) * 50 for name in chain.order}, heads)
    assert bool((found["buy"].output <= found["click"].output).all())
    told = Told(torch.ones(1000, 1), None, torch.ones(1000))
    plain = heads["buy"].losses(found["buy"].output, told.label, None)
    assert torch.equal(relation.losses(heads["buy"], found["buy"], told), plain)
