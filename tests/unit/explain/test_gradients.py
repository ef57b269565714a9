"""The angles between the tasks' gradients: by hand, at each part, with nothing of the model touched."""

from __future__ import annotations

import math

import pytest
import torch

from plait.explain import task_gradients
from plait.train.supply import Supply
from support.known import Known
from support.model import Tiny
from support.prepared import shop
from support.runs import digest, settings

CPU = torch.device("cpu")
Angles = list[list[float]]


def measured(model: Known) -> tuple[Angles, dict[str, Angles]]:
    return task_gradients(model, ([], {})).cosines()


def test_opposed_aligned_and_orthogonal() -> None:
    model = Known([[1.0, 0.0], [-2.0, 0.0], [3.0, 0.0], [0.0, 5.0]], [[0.0]] * 4)
    whole, parts = measured(model)
    assert [row[:1] + row[1:] for row in whole] == [[1, -1, 1, 0], [-1, 1, -1, 0], [1, -1, 1, 0], [0, 0, 0, 1]]
    assert list(parts) == ["body"], "no two tasks meet at the gate or in the table"
    assert parts["body"] == whole


def test_the_whole_is_the_sum_of_the_parts() -> None:
    # At the body the tasks are aligned, at the gate opposed: (1, 0; 3) and (1, 0; -1), so 1 - 3 over √10 √2.
    whole, parts = measured(Known([[1.0, 0.0], [1.0, 0.0]], [[3.0], [-1.0]]))
    assert parts["body"][0][1] == 1
    assert parts["gate"][0][1] == -1
    assert whole[0][1] == pytest.approx(-2 / math.sqrt(20), abs=1e-4)


def test_looked_up_rows_are_leaves_and_a_code_counts_once() -> None:
    model = Known([[0.0, 0.0]] * 2, [[0.0]] * 2)
    # Task 0 reads code 2 in both lookups and code 3 once, task 1 reads code 3: (2, 1) and (0, 1).
    model.codes = [[[2], [3]], [[2, 3], [0]]]
    whole, parts = measured(model)
    assert parts["embeddings of t"][0][1] == whole[0][1] == pytest.approx(1 / math.sqrt(5), abs=1e-4)
    assert model.table.take() == []
    assert not model.training


def test_a_task_without_labels_has_no_angle() -> None:
    model = Known([[1.0, 0.0], [1.0, 1.0]], [[0.0]] * 2)
    model.present = [True, False]
    whole, parts = measured(model)
    assert math.isnan(whole[0][1])
    assert parts == {}


def test_a_real_draw() -> None:
    prepared = shop(ratings=300)
    model = Tiny(prepared, dropout=0.5)
    before, state = digest(model.state_dict()), torch.get_rng_state()
    draw = Supply(prepared, settings(batch=64), 1, 3, CPU).sample(0, 0, 64)
    whole, parts = task_gradients(model, (draw.batches, draw.negatives)).cosines()
    assert digest(model.state_dict()) == before
    assert torch.equal(torch.get_rng_state(), state)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert set(parts) == {"embeddings of users", "embeddings of films", "shared"}
    for between in [whole, *parts.values()]:
        square = torch.tensor(between)
        assert torch.equal(square.nan_to_num(9), square.T.nan_to_num(9))
        assert ((square.abs() <= 1.0001) | square.isnan()).all()
    assert math.isnan(parts["embeddings of users"][0][2]), "`kind` reads no user"
    again = task_gradients(model, (draw.batches, draw.negatives)).cosines()
    assert repr((whole, parts)) == repr(again)
    other = Supply(prepared, settings(batch=64), 1, 4, CPU).sample(0, 0, 64)
    assert task_gradients(model, (other.batches, other.negatives)).cosines()[0] != whole
