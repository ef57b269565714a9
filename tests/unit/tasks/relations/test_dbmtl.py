"""DBMTL: the relation layer against NumPy, and every kind of child."""

import numpy as np
import pytest
import torch

from plait.tasks import Chain
from plait.tasks.relations.dbmtl import DBMTL
from support.heads import KINDS, head

CLASSES = {"classes": ["x", "y", "z"], "class_rate": [0.5, 0.3, 0.2], "label_width": 2, "mean": 1.0}


def test_the_layer_against_numpy() -> None:
    torch.manual_seed(2)
    relation = DBMTL(3, 2, DBMTL.Settings(layers=[5]))
    own, first, second = torch.randn(3, 7, 3)
    weights = {name: p.detach().double().numpy() for name, p in relation.named_parameters()}
    wanted = np.concatenate([t.double().numpy() for t in (own, first, second)], axis=1)
    for layer in (0, 2):
        wanted = np.maximum(wanted @ weights[f"network.{layer}.weight"].T + weights[f"network.{layer}.bias"], 0)
    assert np.allclose(relation.read(own, [first, second]).detach().numpy(), wanted, atol=1e-5)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_can_be_given_others(kind: str) -> None:
    options = {"group": "g"} if kind == "ranking" else {}
    torch.manual_seed(0)
    chain = Chain({"child": ["root"]}, {"child": DBMTL(3, 1, DBMTL.Settings())})
    heads = {"root": head("binary"), "child": head(kind, options, **CLASSES)}
    root = torch.randn(5, 3, requires_grad=True)
    found = chain({"root": root, "child": torch.randn(5, 3)}, heads)
    label = torch.tensor([[1.0, -1.0], [0.0, 1.0], [1.0, -1.0], [0.0, -1.0], [1.0, 0.0]])
    group = torch.zeros(5, dtype=torch.int64) if kind == "ranking" else None
    heads["child"].losses(found["child"].output, label if kind == "multilabel" else label[:, :1], group).sum().backward()
    assert root.grad is not None
    assert bool(root.grad.any())
    assert all(p.grad is None for p in heads["root"].parameters())
