"""Candidates drawn against the right answer."""

from __future__ import annotations

import pytest
import torch

from plait.data.negatives import NegativeSampler, popularity
from support.prepared import shop


def test_popularity_counts_the_answers_of_training_rows() -> None:
    prepared = shop()
    wanted = [0] * 31
    for row in prepared.rows("next", "train").tolist():
        wanted[int(prepared.tables["ratings"].matrix[row, 1])] += 1
    assert popularity(prepared, "next").tolist() == wanted


def test_draws_follow_log_q() -> None:
    sampler = NegativeSampler(shop(), "next", 4000, seed=17)
    counts = sum(torch.bincount(sampler.rows(0, step), minlength=31) for step in range(20))
    assert counts[0] == 0
    share = counts / counts.sum()
    assert torch.allclose(share[1:], sampler.log_q.exp()[1:], atol=0.003)
    assert abs(float(sampler.log_q.exp()[1:].sum()) - 1) < 1e-5


def test_draws_depend_on_epoch_and_step_alone() -> None:
    prepared = shop()
    one, two = NegativeSampler(prepared, "next", 64, seed=17), NegativeSampler(prepared, "next", 64, seed=17)
    later = one.rows(2, 9)
    assert torch.equal(later, two.rows(2, 9))
    assert not torch.equal(later, two.rows(2, 8)) and not torch.equal(
        later, NegativeSampler(prepared, "next", 64, 18).rows(2, 9)
    )


def test_the_rows_come_gathered() -> None:
    prepared = shop()
    drawn = NegativeSampler(prepared, "next", 8, seed=17).draw(0, 0)
    assert torch.equal(drawn.block.codes, prepared.tables["films"].matrix[drawn.block.rows, :2])
    assert drawn.log_q.shape == (31,) and drawn.to(torch.device("cpu")).block.rows.shape == (8,)


def test_without_a_single_answer_all_draws_are_uniform() -> None:
    prepared = shop()
    prepared.tables["ratings"].part[:] = 3
    sampler = NegativeSampler(prepared, "next", 100, seed=17)
    assert sampler.rows(0, 0).numel() == 100 and sampler.log_q.isfinite().all()


def test_only_two_tower_tasks_have_candidates() -> None:
    with pytest.raises(ValueError, match=r"`like` should be a retrieval or relatedness task.*Found `binary`"):
        NegativeSampler(shop(), "like", 8, seed=17)
