"""Scores of links: by hand, against NumPy, and where training starts."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from plait.tasks.links import Move
from plait.tasks.retrieval import Retrieval

SCORES = ["transe", "distmult", "complex"]


def settings(score: str, **more) -> Retrieval.Settings:
    values = {"kind": "retrieval", "table": "facts", "label": "tail", "space": 4, "score": score, **more}
    return Retrieval.Settings.model_validate(values)


def made(score: str) -> Retrieval:
    """Build a head whose links move places."""
    torch.manual_seed(1)
    head = Retrieval(3, 5, [6], settings(score, temperature=0.5))
    assert head.move is not None
    with torch.no_grad():
        for parameter in head.move.parameters():
            parameter.normal_()
    return head


def test_places_moved_by_hand() -> None:
    place, hidden = torch.tensor([[0.6, 0.0, 0.8, 0.0]]), torch.ones(1, 1)
    want = {
        "transe": [1.6, 2.0, 3.8, 4.0],
        "distmult": [0.6 * 2, 0.0, 0.8 * 4, 0.0],
        # Halves are real and imaginary: (0.6 + 0.8i)(2 + 3i) and (0 + 0i)(3 + 4i).
        "complex": [0.6 * 2 - 0.8 * 3, 0.0, 0.6 * 3 + 0.8 * 2, 0.0],
    }
    for score in SCORES:
        move = Move(1, [], 4, score)
        with torch.no_grad():
            move.network[0].weight.copy_(torch.tensor([[1.0], [2.0], [3.0], [4.0]]))
        assert torch.allclose(move(place, hidden), torch.tensor([want[score]]), atol=1e-6), score


@pytest.mark.parametrize("score", SCORES)
def test_training_starts_at_cosines(score: str) -> None:
    head = Retrieval(3, 5, [6], settings(score))
    hidden = torch.randn(7, 3)
    assert torch.allclose(head.query(hidden), head.towers.query(hidden), atol=0.02)


def test_the_score_of_complex_is_the_papers() -> None:
    head = made("complex")
    query, found = head.query(torch.randn(6, 3)), head.candidates(torch.randn(9, 5))
    q = query.detach().numpy()[:, :2] + 1j * query.detach().numpy()[:, 2:]
    c = found.detach().numpy()[:, :2] + 1j * found.detach().numpy()[:, 2:]
    assert np.allclose(head.scores(query, found).detach().numpy(), (q @ c.conj().T).real / 0.5, atol=1e-5)


def test_the_score_of_transe_is_a_distance_and_ranks_like_the_inner_product() -> None:
    head = made("transe")
    query, found = head.query(torch.randn(6, 3)), head.candidates(torch.randn(9, 5))
    scores = head.scores(query, found).detach()
    assert torch.allclose(scores, -torch.cdist(query, found).detach() / 0.5, atol=1e-4)
    assert torch.equal(scores.argsort(1), (query @ found.T).argsort(1)), "search by inner products finds the same"


@pytest.mark.parametrize("score", SCORES)
def test_two_kinds_of_link_out_of_one_row_lead_to_two_places(score: str) -> None:
    torch.manual_seed(0)
    # Hidden says head and kind; of four heads, kind 0 leads to the head itself and kind 1 to the next one.
    heads, kinds = torch.arange(4).repeat(2), torch.arange(2).repeat_interleave(4)
    hidden = torch.cat([torch.eye(4)[heads], torch.eye(2)[kinds]], dim=1)
    items = torch.where(kinds == 0, heads, (heads + 1) % 4) + 1
    rows = torch.eye(4)
    head = Retrieval(6, 4, [], settings(score, space=8))
    optimiser = torch.optim.Adam(head.parameters(), lr=0.05)
    for _ in range(150):
        places = head.candidates(torch.cat([rows[items - 1], rows]))
        numbers = torch.cat([items, torch.arange(1, 5)])
        loss = head.losses(head.query(hidden), places, numbers, torch.zeros(12), torch.ones(8, 1)).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    best = head.scores(head.query(hidden), head.candidates(rows)).argmax(1)
    assert torch.equal(best + 1, items)


def test_an_odd_space_has_no_two_halves() -> None:
    with pytest.raises(ValidationError, match="should be even, for a real and an imaginary half. Found 5"):
        settings("complex", space=5)
