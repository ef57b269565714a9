import torch
from hypothesis import given
from hypothesis import strategies as st

from support.heads import head

RATES = {"classes": ["1", "2", "3", "4"], "class_rate": [0.1, 0.2, 0.3, 0.4]}


def test_starts_at_the_levels_rates() -> None:
    built = head("ordinal", **RATES)
    assert torch.allclose(built.predict(built(torch.zeros(1, 3))), torch.tensor([[0.1, 0.2, 0.3, 0.4]]), atol=0.005)


@given(value=st.floats(-30, 30))
def test_the_loss_is_the_log_of_the_prediction(value: float) -> None:
    built = head("ordinal", **RATES)
    output = built(torch.zeros(1, 3)).detach() + value
    chance = built.predict(output)[0]
    assert torch.allclose(chance.sum(), torch.tensor(1.0), atol=1e-5)
    assert bool((chance >= 0).all())
    for level in range(4):
        loss = built.losses(output, torch.tensor([[float(level)]]), None)
        assert loss.isfinite().all()
        if chance[level] > 1e-3:
            assert torch.allclose(loss, -chance[level].log(), atol=1e-2)


def test_a_level_without_examples_and_two_levels() -> None:
    for rates in ([0.5, 0.0, 0.5], [0.7, 0.3]):
        built = head("ordinal", classes=[str(n) for n in range(len(rates))], class_rate=rates)
        output = built(torch.randn(5, 3))
        assert output.shape == (5, len(rates) - 1)
        assert built.losses(output, torch.full((5, 1), 1.0), None).isfinite().all()
        assert bool((output[:, 1:] < output[:, :-1]).all()), "thresholds are in order"


def test_one_level_is_no_task_but_no_crash() -> None:
    built = head("ordinal", classes=["a"], class_rate=[1.0])
    assert built.predict(built(torch.zeros(2, 3))).tolist() == [[1.0], [1.0]]
