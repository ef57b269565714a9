"""What a step for one task does to the others: by hand, and the same bits afterwards."""

from __future__ import annotations

import pytest
import torch

from plait.explain import lookahead, task_gradients, transfer
from plait.train.supply import Supply
from support.known import Known
from support.model import Tiny
from support.prepared import shop
from support.runs import digest, settings

NOTHING = ([], {})


def looked(model: Known, rate: float = 0.1) -> torch.Tensor:
    return lookahead(model, task_gradients(model, NOTHING), NOTHING, rate)


def test_linear_losses_by_hand() -> None:
    # L_i = g_i θ + 1 with θ = (1, 1): losses 2, -1, 4. A step for i takes 0.1 g_i g_j from L_j, relative to the size of L_j.
    model = Known([[1.0, 0.0], [-2.0, 0.0], [0.0, 3.0]], [[0.0]] * 3)
    change = looked(model)
    expected = [[0.1 / 2, -0.2 / 1, 0.0], [-0.2 / 2, 0.4 / 1, 0.0], [0.0, 0.0, 0.9 / 4]]
    assert torch.allclose(change, torch.tensor(expected), atol=1e-6)


def test_rows_of_embeddings_move_and_come_back() -> None:
    model = Known([[0.0, 0.0]] * 2, [[0.0]] * 2)
    model.codes = [[[2, 3], [3, 4]], [[3], [0]]]
    before = digest(model.state_dict())
    losses = model.eval().losses(*NOTHING)[0].detach()
    change = looked(model, 0.01)
    # Task 0 looks at 2 once and 3 twice, task 1 at 3 and 4 once: <g_0, g_0> = 5, <g_0, g_1> = 2, <g_1, g_1> = 2.
    expected = 0.01 * torch.tensor([[5.0, 2.0], [2.0, 2.0]]) / losses.abs()
    assert torch.allclose(change, expected, rtol=1e-3, atol=1e-6)
    assert digest(model.state_dict()) == before


def test_the_copy_moves_and_not_the_model() -> None:
    model = Known([[1.0, 0.0], [1.0, 0.0]], [[0.0]] * 2)
    found = transfer(model, [(NOTHING, NOTHING)] * 3, 0.1)
    assert found.shape == (3, 2, 2)
    assert torch.equal(found[0], found[2])
    assert (found > 0).all()
    assert torch.equal(model.body.detach(), torch.ones(2))


def test_a_task_without_labels_is_not_known() -> None:
    model = Known([[1.0, 0.0], [1.0, 1.0]], [[0.0]] * 2)
    model.present = [True, False]
    assert looked(model).isnan().tolist() == [[False, True], [True, True]]


@pytest.mark.parametrize("rate", [1e-4, 1e-3])
def test_a_small_step_for_a_task_lowers_its_own_loss(rate: float) -> None:
    prepared = shop(ratings=300)
    model = Tiny(prepared)
    before, state = digest(model.state_dict()), torch.get_rng_state()
    draw = Supply(prepared, settings(batch=64), 1, 3, torch.device("cpu")).sample(0, 0, 64)
    rows = (draw.batches, draw.negatives)
    gradients = task_gradients(model, rows)
    change = lookahead(model, gradients, rows, rate)
    assert (change.diagonal() > 0).all()
    assert digest(model.state_dict()) == before
    assert torch.equal(torch.get_rng_state(), state)
    # Where the angle is far from right, a small step helps or hurts as the angle says.
    cosines = torch.tensor(gradients.cosines()[0])
    clear = cosines.abs() > 0.3
    assert torch.equal(cosines[clear].sign(), change[clear].sign())


def test_it_runs_without_labels_at_all() -> None:
    model = Known([[1.0, 0.0]], [[0.0]])
    model.present = [False]
    gradients = task_gradients(model, NOTHING)
    assert gradients.rows == {}
    assert gradients.cosines()[1] == {}
    assert looked(model).isnan().all()
