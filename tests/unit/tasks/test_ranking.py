import math

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from support.heads import head


def test_listwise_by_hand() -> None:
    score = torch.tensor([[1.0], [0.0], [2.0], [5.0], [5.0]])
    grade = torch.tensor([[2.0], [0.0], [1.0], [3.0], [3.0]])
    group = torch.tensor([7, 7, 7, 9, 9])
    losses = head("ranking").losses(score, grade, group)
    share = torch.tensor([3.0, 0.0, 1.0]) / 4
    expected = -share * torch.log_softmax(score[:3, 0], dim=0)
    assert torch.allclose(losses.mean(), expected.sum()), "one list teaches; the equal one does not"
    assert losses[3:].tolist() == [0.0, 0.0]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), min_size=1, max_size=20), st.randoms())
def test_the_order_of_rows_does_not_matter(rows: list[tuple[int, int]], random) -> None:
    group, grade = torch.tensor([g for g, _ in rows]), torch.tensor([[float(y)] for _, y in rows])
    score = torch.randn(len(rows), 1)
    order = list(range(len(rows)))
    random.shuffle(order)
    built = head("ranking")
    assert torch.allclose(
        built.losses(score, grade, group)[order], built.losses(score[order], grade[order], group[order]), atol=1e-5
    )


def test_large_grades_and_scores_stay_finite() -> None:
    losses = head("ranking").losses(torch.tensor([[1e4], [-1e4]]), torch.tensor([[0.0], [500.0]]), torch.tensor([1, 1]))
    assert losses.isfinite().all()


def test_without_groups_the_batch_is_one_list() -> None:
    built, score, grade = head("ranking"), torch.randn(4, 1), torch.tensor([[0.0], [1.0], [2.0], [0.0]])
    assert torch.equal(built.losses(score, grade, None), built.losses(score, grade, torch.ones(4, dtype=torch.int64)))


def test_pairwise_compares_within_the_list() -> None:
    built = head("ranking", {"loss": "pairwise", "partners": 3})
    score, grade = torch.tensor([[0.0], [1.0], [9.0]]), torch.tensor([[1.0], [0.0], [5.0]])
    losses = built.losses(score, grade, torch.tensor([4, 4, 5]))
    assert torch.allclose(losses, torch.tensor([1.3133, 1.3133, 0.0]), atol=1e-4)


def test_pairwise_keeps_the_order_of_rows() -> None:
    built = head("ranking", {"loss": "pairwise"})
    losses = built.losses(torch.tensor([[0.0], [0.0], [3.0]]), torch.tensor([[0.0], [1.0], [1.0]]), torch.tensor([2, 1, 2]))
    assert losses[1] == 0
    assert bool((losses[[0, 2]] > 0).all())


def test_lambda_by_hand() -> None:
    built = head("ranking", {"loss": "lambda"})
    score, grade = torch.tensor([[0.0], [1.0], [4.0]]), torch.tensor([[1.0], [0.0], [2.0]])
    # the pair is in the wrong order: places 2 and 1; the list of one teaches nothing
    losses = built.losses(score, grade, torch.tensor([5, 5, 6]))
    change = 1 - 1 / math.log2(3)
    each = change * math.log(1 + math.exp(1)) * 3
    assert torch.allclose(losses, torch.tensor([each, each, 0.0]))


def test_lambda_agrees_with_all_pairs_in_numpy() -> None:
    draw = np.random.default_rng(3)
    score, grade, group = draw.normal(size=9), draw.integers(0, 4, 9), np.array([0] * 5 + [1] * 4)
    expected = np.zeros(9)
    for one in (0, 1):
        mine = np.flatnonzero(group == one)
        gain = 2.0 ** grade[mine] - 2.0 ** grade[mine].min()
        place = (-score[mine]).argsort().argsort()
        worth = 1 / np.log2(place + 2)
        ideal = (np.sort(gain)[::-1] / np.log2(np.arange(len(mine)) + 2)).sum()
        for i, row in enumerate(mine):
            for j, other in enumerate(mine):
                change = abs(gain[i] - gain[j]) * abs(worth[i] - worth[j]) / ideal
                distance = np.sign(grade[row] - grade[other]) * (score[row] - score[other])
                expected[row] += change * np.log1p(np.exp(-distance)) * 9 / 2
    torch.manual_seed(0)
    built = head("ranking", {"loss": "lambda", "partners": 60_000})
    found = built.losses(torch.tensor(score).float()[:, None], torch.tensor(grade).float()[:, None], torch.tensor(group))
    assert np.allclose(found.numpy(), expected, rtol=0.05)


def test_lambda_does_not_mind_large_grades() -> None:
    built = head("ranking", {"loss": "lambda"})
    losses = built.losses(torch.zeros(3, 1), torch.tensor([[500.0], [499.0], [0.0]]), torch.zeros(3, dtype=torch.int64))
    assert losses.isfinite().all()
