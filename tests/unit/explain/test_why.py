"""Ablation, history, counterfactuals and stages: against Captum, brute force and causes that were planted."""

from __future__ import annotations

import itertools

import pytest
import torch

from plait.errors import RecipeError


def _model(seed: int):
    draw = torch.Generator().manual_seed(seed)
    first, second = torch.randn(6, 9, generator=draw), torch.randn(9, 3, generator=draw)
    return lambda x: torch.tanh(x @ first) @ second


@pytest.mark.parametrize("seed", range(5))
def test_ablation_equals_captum(seed: int) -> None:
    attr = pytest.importorskip("captum.attr", reason="captum is a development dependency")
    from plait.explain.ablation import ablate

    model = _model(seed)
    x = torch.randn(1, 6, generator=torch.Generator().manual_seed(seed + 50))
    ours = ablate(lambda present: model(torch.where(present, x, 0.0)), 6)
    for task in range(3):
        theirs = attr.FeatureAblation(lambda rows, task=task: model(rows)[:, task]).attribute(x)[0]
        torch.testing.assert_close(ours.effects[:, task], theirs, atol=1e-5, rtol=1e-5)


def test_a_feature_that_alone_decides_comes_first() -> None:
    from plait.explain.ablation import ablate

    found = ablate(lambda present: torch.stack([3 * present[:, 4] - 1.0, 0.5 - present[:, 1].float()], dim=1), 7)
    assert (found.order(0)[0], found.order(1)[0]) == (4, 1)
    assert found.effects[4].tolist() == [3, 0] and found.effects[1].tolist() == [0, -1]
    assert found.full.tolist() == [2, -0.5] and found.nothing.tolist() == [-1, 0.5]


def test_all_is_asked_in_one_batch() -> None:
    from plait.explain.ablation import ablate

    asked = []
    ablate(lambda present: (asked.append(present.shape), torch.zeros(len(present), 2))[1], 5, [[0, 1], [2], [3, 4]])
    assert asked == [torch.Size([5, 5])]


def test_what_cannot_be_left_out_is_refused() -> None:
    from plait.explain.ablation import ablate

    with pytest.raises(RecipeError, match=r"A group should name parts from 0 to 1\. Found \[2\]"):
        ablate(lambda present: torch.zeros(len(present), 1), 2, [[2]])
    with pytest.raises(RecipeError, match="Scores should be finite"):
        ablate(lambda present: torch.full((len(present), 1), torch.nan), 2)


def test_the_planted_item_of_a_history_comes_first() -> None:
    from plait.explain.neighbours import reasons

    def score(lists):
        return torch.tensor([[float(8 in one) + 0.01 * len(set(one)), -float(3 in one)] for one in lists])

    found = reasons(score, [3, 8, 5, 8, 2], 9, torch.eye(10))
    assert found[0].item == 8 and found[0].effects[0] == pytest.approx(1.01)
    assert {reason.item for reason in found} == {2, 3, 5, 8}
    assert reasons(score, [], 9) == []
    near = torch.eye(10)
    near[5] = near[9]
    alike = reasons(lambda lists: torch.zeros(len(lists), 1), [3, 5, 2], 9, near)
    assert alike[0].item == 5 and alike[0].likeness == pytest.approx(1)
    assert reasons(score, [3], 99, torch.eye(10))[0].likeness is None


@pytest.mark.parametrize("seed", range(30))
def test_no_part_of_a_counterfactual_can_be_spared(seed: int) -> None:
    from plait.explain.counterfactual import counterfactual

    draw = torch.Generator().manual_seed(seed)
    weights = torch.randn(6, generator=draw)
    pairs = 0.5 * torch.randn(6, 6, generator=draw)

    def score(present):
        x = present.float()
        return x @ weights + ((x @ pairs) * x).sum(1)

    ones = torch.ones(1, 6, dtype=torch.bool)
    before = bool(score(ones)[0] >= 0)

    def turns(out) -> bool:
        present = ones.clone()
        present[0, list(out)] = False
        return bool(score(present)[0] >= 0) != before

    found = counterfactual(score, 6, 0.0, most=6)
    right = [out for size in range(1, 7) for out in itertools.combinations(range(6), size) if turns(out)]
    if found is None:
        # The greedy way may stop short; then no single part turns it.
        assert not any(len(out) == 1 for out in right)
        return
    assert turns(found)
    assert not any(turns([one for one in found if one != part]) for part in found if len(found) > 1)
    if len(right[0]) == 1:
        assert len(found) == 1


def test_where_nothing_turns_it_there_is_no_counterfactual() -> None:
    from plait.explain.counterfactual import counterfactual

    assert counterfactual(lambda present: torch.ones(len(present)), 4, 0.5) is None
    assert counterfactual(lambda present: torch.ones(len(present)), 0, 0.5) is None


def test_each_stage_says_where_it_put_the_item() -> None:
    from plait.explain.stages import stages

    scores = {"click": torch.tensor([0.1, 0.2, 0.9, 0.4]), "formula": torch.tensor([0.1, 0.5, 0.4, 0.4])}
    found = stages(30, torch.tensor([10, 20, 30, 40]), scores, torch.tensor([20, 40, 30]))
    assert [(one.stage, one.place, one.moved) for one in found] == [
        ("retrieve", 3, None), ("click", 1, 2), ("formula", 2, -1), ("shown", 3, -1),
    ]  # fmt: skip
    assert [one.place for one in stages(7, torch.tensor([1]), {}, torch.tensor([1]))] == [None, None]
