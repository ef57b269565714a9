"""Penalties and enforcement of rules: by hand, and what holds for every kind of task."""

import math

import pytest
import torch
from torch import Tensor

from plait.layout import TaskLayout
from plait.tasks.rules import broken, enforce, forbidden_share, forbidden_weight, semantic_loss

KINDS = ["binary", "multilabel", "multiclass", "ordinal", "amount"]
CLASSES = {"multilabel": (0, 2), "multiclass": (0, 2), "ordinal": (2,)}


def task(kind: str) -> TaskLayout:
    known = {"multilabel", "multiclass", "ordinal"}
    return TaskLayout(name="t", kind=kind, table="rows", mean=4.0, classes=["x", "y", "z"] if kind in known else [])


def predicted(kind: str, rows: int) -> Tensor:
    draw = torch.Generator().manual_seed(rows)
    match kind:
        case "binary":
            return torch.rand(rows, 1, generator=draw)
        case "multilabel":
            return torch.rand(rows, 3, generator=draw)
        case "amount":
            return 8 * torch.rand(rows, 1, generator=draw)
        case _:
            return torch.softmax(torch.randn(rows, 3, generator=draw), dim=1)


def test_losses_by_hand() -> None:
    assert semantic_loss(task("binary"), torch.tensor([[0.75]]), ()).tolist() == pytest.approx([math.log(4)])
    chances = torch.tensor([[0.5, 0.2, 0.3]])
    assert semantic_loss(task("multiclass"), chances, (0, 2)).tolist() == pytest.approx([-math.log(0.2)])
    assert semantic_loss(task("multilabel"), chances, (0, 2)).tolist() == pytest.approx([-math.log(0.5 * 0.7)])
    assert semantic_loss(task("amount"), torch.tensor([[6.0]]), ()).tolist() == [1.5]


def test_enforcement_by_hand() -> None:
    some = torch.tensor([True, False])
    two = torch.tensor([[0.5, 0.2, 0.3], [0.5, 0.2, 0.3]])
    assert torch.equal(enforce(task("binary"), torch.tensor([[0.9], [0.8]]), some, ()), torch.tensor([[0.0], [0.8]]))
    assert enforce(task("amount"), torch.tensor([[9.0], [8.0]]), some, ()).tolist() == [[0.0], [8.0]]
    kept = enforce(task("multiclass"), two, some, (0,))
    assert torch.allclose(kept, torch.tensor([[0.0, 0.4, 0.6], [0.5, 0.2, 0.3]]))
    kept = enforce(task("multilabel"), two, some, (1, 2))
    assert torch.allclose(kept, torch.tensor([[0.5, 0.0, 0.0], [0.5, 0.2, 0.3]]))
    assert enforce(task("multiclass"), two, some, (0, 1, 2))[0].tolist() == [0.0, 0.0, 0.0]


def test_what_is_told_by_hand() -> None:
    assert broken(task("binary"), torch.tensor([[0.5], [0.49]]), ()).tolist() == [True, False]
    chances = torch.tensor([[0.5, 0.2, 0.3], [0.3, 0.4, 0.3]])
    assert broken(task("multiclass"), chances, (0, 2)).tolist() == [True, False]
    assert broken(task("multilabel"), chances, (0, 2)).tolist() == [True, False]
    assert broken(task("amount"), torch.tensor([[2.0], [1.9]]), ()).tolist() == [True, False]
    assert forbidden_weight(task("multiclass"), chances, (0, 2)).tolist() == pytest.approx([0.8, 0.6])
    assert forbidden_weight(task("amount"), torch.tensor([[2.0]]), ()).tolist() == [0.5]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", [0, 1, 7])
def test_nothing_forbidden_is_left_and_nothing_else_moves(kind: str, rows: int) -> None:
    given, classes = predicted(kind, rows), CLASSES.get(kind, ())
    forbidden = torch.arange(rows) % 2 == 0
    kept = enforce(task(kind), given, forbidden, classes)
    assert torch.equal(kept[~forbidden], given[~forbidden])
    assert not forbidden_weight(task(kind), kept[forbidden], classes).any()
    assert not broken(task(kind), kept[forbidden], classes).any()
    assert torch.allclose(enforce(task(kind), kept, forbidden, classes), kept)
    if kind in ("multiclass", "ordinal"):
        assert torch.allclose(kept.sum(1), torch.ones(rows))


@pytest.mark.parametrize("kind", KINDS)
def test_the_penalty_pushes_out_what_is_forbidden_and_is_finite_at_the_ends(kind: str) -> None:
    classes = CLASSES.get(kind, ())
    given = predicted(kind, 6).requires_grad_()
    cost = semantic_loss(task(kind), given, classes)
    assert bool((cost > 0).all())
    cost.sum().backward()
    columns = list(classes) or [0]
    assert bool((given.grad[:, columns] > 0).all())
    sure = torch.zeros_like(given.detach())
    sure[:, columns[0]] = 1.0
    ends = semantic_loss(
        task(kind), torch.stack([sure, 1 - sure if kind != "amount" else sure * 1e6]).flatten(0, 1), classes
    )
    assert ends.isfinite().all()


def test_forbidden_candidates_cost_their_share_of_the_softmax() -> None:
    logits = torch.tensor([[1.0, 0.0, 2.0, 3.0], [0.0, 1.0, 2.0, 3.0]], requires_grad=True)
    items, log_q = torch.tensor([5, 6, 7, 0]), torch.tensor([-1.0, -1.0, -2.0, -1.0])
    forbidden = torch.tensor([[True, False, True, True], [False, False, False, False]])
    weights = torch.exp(logits[0].detach() - log_q)
    # Row 0 of the items does not count; the own candidate is taken as allowed.
    want = -torch.log(1 - weights[2] / weights[:3].sum())
    found = forbidden_share(logits, items, log_q, forbidden)
    assert found.tolist() == pytest.approx([float(want), 0.0], abs=1e-6)
    found.sum().backward()
    assert logits.grad[0, 2] > 0 and logits.grad[0, :2].max() < 0
    assert forbidden_share(logits[:0], items, log_q, forbidden[:0]).shape == (0,)
