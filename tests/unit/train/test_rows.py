"""Row-wise updates: golden values, duplicates, and rows that were not looked up."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from plait.encode.ids import FusedEmbedding
from plait.train.rows import Looked, RowAdagrad, RowAdam, RowOptimiser, gather_looked
from support.runs import digest

ONE = torch.tensor(1.0)
RULES: list[type[RowOptimiser]] = [RowAdagrad, RowAdam]


def table(rows: int = 6, width: int = 2) -> FusedEmbedding:
    embedding = FusedEmbedding(rows, width)
    with torch.no_grad():
        embedding.weight.copy_(torch.arange(rows * width).view(rows, width).float())
        embedding.weight[0] = 0
    return embedding.train()


def look(embedding: FusedEmbedding, codes: list[int], size: float = 1.0) -> None:
    """Look codes up and send back a gradient of `size` times (1, 3) for each."""
    found = embedding(torch.tensor(codes, dtype=torch.int32)[:, None])
    (found * torch.tensor([1.0, 3.0]) * size).sum().backward()


def seen(embedding: FusedEmbedding) -> Looked:
    """Take what was looked up."""
    found = gather_looked(embedding.take())
    assert found is not None
    return found


def test_adagrad_by_hand() -> None:
    embedding = table()
    rule = RowAdagrad(embedding)
    look(embedding, [2, 2, 4])
    rule.step(seen(embedding), 0.1, ONE, None)
    # Row 2 was looked up twice: gradient (2, 6), mean square 20. Row 4 once: (1, 3), mean square 5.
    wanted = torch.tensor([[0, 0], [2, 3], [4 - 0.2 / math.sqrt(20), 5 - 0.6 / math.sqrt(20)], [6, 7]])
    assert torch.allclose(embedding.weight[:4], wanted)
    assert torch.allclose(embedding.weight[4], torch.tensor([8 - 0.1 / math.sqrt(5), 9 - 0.3 / math.sqrt(5)]))
    assert rule.state["sum"].tolist() == [0, 0, 20, 0, 5, 0]


def test_adam_by_hand() -> None:
    embedding = table()
    rule = RowAdam(embedding)
    look(embedding, [4])
    rule.step(seen(embedding), 0.1, ONE, None)
    # The first step of a row is g / sqrt(mean of g squared), whatever the decay rates.
    assert torch.allclose(embedding.weight[4], torch.tensor([8 - 0.1 / math.sqrt(5), 9 - 0.3 / math.sqrt(5)]))
    look(embedding, [4], size=2.0)
    rule.step(seen(embedding), 0.1, ONE, None)
    mean = (0.9 * 0.1 * 1 + 0.1 * 2) / (1 - 0.9**2)
    scale = (0.999 * 0.001 * 5 + 0.001 * 20) / (1 - 0.999**2)
    assert abs(float(embedding.weight[4, 0].detach()) - (8 - 0.1 / math.sqrt(5) - 0.1 * mean / math.sqrt(scale))) < 1e-5
    assert rule.state["looks"].tolist() == [0, 0, 0, 0, 2, 0]


@pytest.mark.parametrize("kind", RULES)
@settings(max_examples=25, deadline=None)
@given(first=st.lists(st.integers(0, 5), min_size=1, max_size=9), second=st.lists(st.integers(0, 5), max_size=9))
def test_two_lookups_are_one(kind: type[RowOptimiser], first: list[int], second: list[int]) -> None:
    apart, together = table(), table()
    rules = [kind(apart), kind(together)]
    for _ in range(2):
        look(apart, first)
        if second:
            look(apart, second)
        look(together, first + second)
        for rule, embedding in zip(rules, (apart, together), strict=True):
            rule.step(seen(embedding), 0.1, ONE, None)
    assert torch.allclose(apart.weight, together.weight, atol=1e-6)
    assert bool((apart.weight[0] == 0).all())


@pytest.mark.parametrize("kind", RULES)
def test_rows_that_were_not_looked_up_stay(kind: type[RowOptimiser]) -> None:
    embedding = table()
    rule = kind(embedding)
    before = embedding.weight.detach().clone()
    look(embedding, [1, 3])
    rule.step(seen(embedding), 0.1, ONE, None)
    changed = (embedding.weight != before).any(dim=1).tolist()
    assert changed == [False, True, False, True, False, False]
    assert all(bool((tensor[[0, 2, 4, 5]] == 0).all()) for tensor in rule.state.values())


@pytest.mark.parametrize("kind", RULES)
def test_gradients_are_divided_by_the_scale(kind: type[RowOptimiser]) -> None:
    one, two = table(), table()
    for embedding, size in ((one, 1.0), (two, 4.0)):
        rule = kind(embedding)
        for _ in range(3):
            look(embedding, [1, 2], size)
            rule.step(seen(embedding), 0.1, torch.tensor(size), None)
    assert torch.allclose(one.weight, two.weight)


@pytest.mark.parametrize("kind", RULES)
def test_a_masked_step_changes_nothing_even_where_the_gradient_is_no_number(kind: type[RowOptimiser]) -> None:
    embedding = table()
    rule = kind(embedding)
    look(embedding, [1, 2])
    rule.step(seen(embedding), 0.1, ONE, torch.tensor(0.0))
    before = digest({"w": embedding.weight, **rule.state})
    look(embedding, [2, 3], size=float("nan"))
    rule.step(seen(embedding), 0.1, ONE, torch.tensor(1.0))
    assert digest({"w": embedding.weight, **rule.state}) == before


@pytest.mark.parametrize("kind", RULES)
def test_all_that_a_rule_remembers_is_its_state(kind: type[RowOptimiser]) -> None:
    one, two = table(), table()
    first, second = kind(one), kind(two)
    look(one, [1, 2])
    first.step(seen(one), 0.1, ONE, None)
    for name, tensor in first.state.items():
        second.state[name].copy_(tensor)
    two.load_state_dict(one.state_dict())
    for embedding, rule in ((one, first), (two, second)):
        look(embedding, [2, 5])
        rule.step(seen(embedding), 0.1, ONE, None)
    assert digest(first.state) == digest(second.state) and torch.equal(one.weight, two.weight)


def test_nothing_looked_up_is_nothing() -> None:
    embedding = table()
    assert gather_looked(embedding.take()) is None
    embedding(torch.tensor([[1]], dtype=torch.int32))
    assert gather_looked(embedding.take()) is None
