from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from plait.tasks import Retrieval
from plait.tasks.towers import sampled_softmax


def test_sampled_softmax_by_hand() -> None:
    logits = torch.tensor([[2.0, 1.0, 0.0], [0.0, 1.0, 3.0]])
    log_q = torch.tensor([-1.0, -2.0, -3.0])
    found = sampled_softmax(logits, torch.tensor([5, 6, 7]), log_q)
    expected = -torch.log_softmax(logits - log_q, dim=1).diagonal()
    assert torch.allclose(found, expected)


def test_accidental_hits_and_no_row_do_not_count() -> None:
    logits = torch.tensor([[2.0, 1.0, 9.0, 9.0], [0.0, 1.0, 3.0, 9.0]])
    found = sampled_softmax(logits, torch.tensor([5, 6, 5, 0]), torch.zeros(4))
    first = -torch.log_softmax(torch.tensor([2.0, 1.0]), dim=0)[0]
    second = -torch.log_softmax(torch.tensor([0.0, 1.0, 3.0]), dim=0)[1]
    assert torch.allclose(found, torch.stack([first, second]))


def test_two_queries_with_one_answer() -> None:
    found = sampled_softmax(torch.zeros(2, 2), torch.tensor([5, 5]), torch.zeros(2))
    assert found.tolist() == [0.0, 0.0]


def test_the_popularity_correction_estimates_the_full_softmax() -> None:
    torch.manual_seed(0)
    items, draws = 50, 4000
    chance = torch.softmax(torch.randn(items), dim=0)
    scores = torch.randn(items)
    sampled = torch.multinomial(chance, draws, replacement=True)
    logits = torch.cat([scores[:1], scores[sampled]])[None]
    log_q = torch.cat([chance[:1], chance[sampled]]).log()
    others = torch.logsumexp((logits[0, 1:] - log_q[1:])[sampled != 0], dim=0) - torch.tensor(float(draws)).log()
    exact = torch.logsumexp(scores[1:], dim=0)
    assert abs(float(others - exact)) < 0.1
    assert sampled_softmax(logits, torch.cat([torch.tensor([1]), sampled + 1]), log_q).isfinite().all()


def test_it_learns_to_find_the_row() -> None:
    torch.manual_seed(0)
    built = Retrieval(6, 6, [16], Retrieval.Settings(kind="retrieval", table="t", label="k", space=8))
    rows = torch.randn(30, 6)
    optimiser = torch.optim.Adam(built.parameters(), lr=0.01)
    for _ in range(150):
        picked = torch.randint(0, 30, (32,))
        query, places = built.query(rows[picked]), built.candidates(rows[picked])
        optimiser.zero_grad()
        built.losses(query, places, picked + 1, torch.zeros(32), torch.ones(32, 1)).mean().backward()
        optimiser.step()
    found = built.scores(built.query(rows), built.candidates(rows)).argmax(1)
    assert (found == torch.arange(30)).float().mean() > 0.9


class Largest(TorchDispatchMode):
    """Remembers how many numbers the largest tensor had that was made."""

    numbers = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        given = {one.untyped_storage().data_ptr() for one in args if isinstance(one, torch.Tensor)}
        if isinstance(made, torch.Tensor) and made.untyped_storage().data_ptr() not in given:
            self.numbers = max(self.numbers, made.numel())
        return made


def test_scores_lay_out_nothing_larger_than_themselves() -> None:
    built = Retrieval(6, 6, [16], Retrieval.Settings(kind="retrieval", table="t", label="k", space=8))
    items = torch.randn(1_000, 8)
    with torch.no_grad(), Largest() as largest:
        built.scores(torch.randn(1, 8), items)
    assert largest.numbers == 1_000
