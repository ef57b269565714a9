import torch

from plait.layout import TaskLayout
from plait.tasks import Relatedness

SETTINGS = Relatedness.Settings(kind="relatedness", table="pairs", label="y", space=4)


def built(mean: float) -> Relatedness:
    torch.manual_seed(0)
    return Relatedness(TaskLayout(name="t", kind="relatedness", table="pairs", mean=mean), 3, 3, [], SETTINGS)


def test_both_classes_make_it_a_cross_entropy() -> None:
    head = built(0.25)
    query, places = head.query(torch.randn(4, 3)), head.candidates(torch.randn(6, 3))
    label = torch.tensor([[1.0], [0.0], [0.0], [1.0]])
    losses = head.losses(query, places, torch.arange(6) + 1, torch.zeros(6), label)
    chance = torch.sigmoid(head.pair_scores(query, places[:4]))
    expected = torch.where(label[:, 0] == 1, -chance.log(), -(1 - chance).log())
    assert torch.allclose(losses, expected, atol=1e-5)


def test_unrelated_directions_score_the_base_rate() -> None:
    head = built(0.25)
    across = torch.sigmoid(head.pair_scores(torch.tensor([[1.0, 0, 0, 0]]), torch.tensor([[0, 1.0, 0, 0]])))
    assert torch.allclose(across, torch.tensor([0.25]))


def test_positives_only_compare_with_the_others_of_the_step() -> None:
    head = built(1.0)
    query, places = head.query(torch.randn(4, 3)), head.candidates(torch.randn(6, 3))
    losses = head.losses(query, places, torch.arange(6) + 1, torch.zeros(6), torch.ones(4, 1))
    assert torch.allclose(losses, -torch.log_softmax(head.scores(query, places), dim=1).diagonal(), atol=1e-5)
    assert not head.bias.requires_grad
