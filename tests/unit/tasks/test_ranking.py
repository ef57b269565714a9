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
