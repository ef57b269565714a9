"""Plait's own balancers in a whole training: several tables at once, missing labels, bf16, accumulation, stop and resume."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from plait.balance import (
    DBMTL,
    AutoLambda,
    Balancer,
    BalanceSettings,
    Curriculum,
    Feedback,
    GradNorm,
    MetaBalance,
    MoCo,
    Pareto,
    Validation,
    build_balancer,
)
from plait.errors import Stopped
from support.model import TASKS
from support.prepared import shop
from support.runs import left, settings, train

OWN: list[BalanceSettings] = [
    Validation.Settings(),
    Curriculum.Settings(measure=0.3),
    Feedback.Settings(every=2),
    Pareto.Settings(preferences={"like": 3.0}),
    GradNorm.Settings(),
    DBMTL.Settings(),
    DBMTL.Settings(at="parameters"),
    MoCo.Settings(),
    MoCo.Settings(at="parameters"),
    MetaBalance.Settings(target="stars"),
    MetaBalance.Settings(at="parameters"),
    AutoLambda.Settings(primary=["like"], every=2),
]


def building(chosen: BalanceSettings, stop: int | None = None) -> Callable[[], Balancer]:
    """Return what builds the balancer; one that is to stop sends this process a signal in its `stop`th step."""

    def build() -> Balancer:
        balancer = build_balancer(chosen, TASKS, [1.0, 1.0, 1.0])
        plain, calls = balancer.before_step, []

        def counting(done: float) -> None:
            calls.append(done)
            if len(calls) == stop:
                os.kill(os.getpid(), signal.SIGTERM)
            plain(done)

        balancer.before_step = counting  # type: ignore[method-assign]
        return balancer

    return build


@pytest.mark.parametrize("chosen", OWN, ids=lambda s: s.kind + getattr(s, "at", "")[:3])
def test_stopped_and_taken_up_it_ends_the_same(chosen: BalanceSettings, tmp_path: Path) -> None:
    if isinstance(chosen, Feedback.Settings):
        signal_file = tmp_path / "wishes.json"
        signal_file.write_text(json.dumps({"like": 3.0}))
        chosen = chosen.model_copy(update={"file": str(signal_file)})
    prepared, options = shop(ratings=300), settings(precision="bf16", accumulate=2)
    _, told = train(prepared, options, building(chosen), out=tmp_path / "straight")
    assert told.skipped == 0
    assert sum(curve.losses[-1] for curve in told.curves.values()) < sum(curve.losses[0] for curve in told.curves.values())
    with pytest.raises(Stopped):
        train(prepared, options, building(chosen, stop=3), out=tmp_path / "stopped")
    train(prepared, options, building(chosen), out=tmp_path / "stopped", resume=True)
    assert left(tmp_path / "stopped") == left(tmp_path / "straight")


@pytest.mark.parametrize("chosen", OWN, ids=lambda s: s.kind + getattr(s, "at", "")[:3])
def test_a_loss_that_is_no_number_is_skipped_and_leaves_no_trace(chosen: BalanceSettings, tmp_path: Path) -> None:
    prepared = shop(ratings=300)
    ratings = prepared.tables["ratings"]
    ratings.labels["like"][5] = float("inf")
    _, told = train(prepared, settings(), building(chosen), out=tmp_path / "run")
    assert 0 < told.skipped < told.steps
    assert torch.tensor([loss for curve in told.curves.values() for loss in curve.weights]).isfinite().all()
