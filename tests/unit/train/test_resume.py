"""Promises T1, T2 and T5: the same seed gives the same bits, stopped anywhere or not, for any number of workers."""

from __future__ import annotations

import os
import random
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from plait.balance.base import Balancer
from plait.errors import RunError, Stopped
from plait.train.fitted import Fitted
from plait.train.watch import EpochRecord, StartRecord, StepRecord
from support.model import Conflict, Learned, Mean, Tiny
from support.prepared import shop
from support.runs import digest, left, settings, train

BALANCERS: list[type[Balancer]] = [Mean, Learned, Conflict]


def stopping(kind: type[Balancer], at: int, number: signal.Signals = signal.SIGTERM) -> type[Balancer]:
    """Make a balancer that is another, but sends this process a signal during a step."""

    class Sending(kind):  # type: ignore[misc, valid-type]
        calls = 0

        def backward(self, *args):
            type(self).calls += 1
            if type(self).calls == at:
                os.kill(os.getpid(), number)
            return super().backward(*args)

    return Sending


def test_the_same_seed_gives_the_same_bits() -> None:
    prepared = shop(ratings=200)
    one, two = (train(prepared)[0] for _ in range(2))
    other, _ = train(prepared, seed=18)
    assert digest(one.state_dict()) == digest(two.state_dict()) != digest(other.state_dict())


@pytest.mark.parametrize("workers", [2, 4])
def test_workers_change_no_bit(workers: int) -> None:
    prepared = shop(ratings=200)
    alone, threaded = train(prepared)[0], train(prepared, settings(workers=workers))[0]
    assert digest(alone.state_dict()) == digest(threaded.state_dict())


def test_resampled_classes_stop_and_go_on_bit_by_bit(tmp_path: Path) -> None:
    prepared = replace(shop(ratings=200), resample={"like": [0.3, 2.5]})
    whole = train(prepared, out=tmp_path / "whole")[0]
    with pytest.raises(Stopped):
        train(prepared, balancer=stopping(Mean, 5), out=tmp_path / "cut")
    again = train(prepared, settings(workers=2), out=tmp_path / "cut", resume=True)[0]
    assert digest(whole.state_dict()) == digest(again.state_dict())
    assert digest(whole.state_dict()) != digest(train(shop(ratings=200))[0].state_dict())


def test_global_state_is_as_before() -> None:
    prepared = shop(ratings=120)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    train(prepared, settings(threads=2, epochs=1))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == 1
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (Mean, {}),
        (Learned, {"precision": "bf16", "accumulate": 2}),
        (Conflict, {"embedding_optimiser": "adagrad", "mix": "proportional"}),
        (Learned, {"mix": "alternate", "workers": 2, "probes": 3}),
    ],
)
def test_stopped_anywhere_it_ends_the_same(tmp_path: Path, kind: type[Balancer], changes: dict[str, object]) -> None:
    check_resume(tmp_path, kind, changes, stops=random.Random(f"{kind}{changes}").sample(range(1, 10), 2))


@pytest.mark.soak
@pytest.mark.parametrize("kind", BALANCERS)
def test_stopped_at_a_hundred_steps_it_ends_the_same(tmp_path: Path, kind: type[Balancer]) -> None:
    for precision in ("fp32", "bf16"):
        for number in range(17):
            stops = sorted(random.Random(number).sample(range(1, 13), 2))
            check_resume(tmp_path / precision / str(number), kind, {"precision": precision}, stops)


def check_resume(folder: Path, kind: type[Balancer], changes: dict[str, object], stops: list[int]) -> None:
    prepared = shop()
    options = settings(**changes)
    straight, told = train(prepared, options, kind, out=folder / "straight")
    before = 0
    for stop in sorted(stops):
        sending = stopping(kind, at=(stop - before) * options.accumulate)
        with pytest.raises(
            Stopped, match=rf"Training was stopped by SIGTERM after step {stop} of \d+\. A checkpoint is in .*--resume"
        ):
            train(prepared, options, sending, out=folder / "again", resume=before > 0)
        before = stop
    again, retold = train(prepared, options, kind, out=folder / "again", resume=True, model=Tiny(prepared, seed=99))
    assert digest(straight.state_dict()) == digest(again.state_dict())
    assert left(folder / "straight") == left(folder / "again")
    assert timeless(told) == timeless(retold)


def timeless(fitted: Fitted) -> str:
    """Everything a training tells but the clock."""
    return repr(
        (
            fitted.epochs,
            fitted.best_epoch,
            fitted.steps,
            fitted.examples,
            fitted.skipped,
            fitted.curves,
            fitted.scores,
            fitted.cosines,
            fitted.gates,
        )
    )


def test_ctrl_c_stops_after_the_step(tmp_path: Path) -> None:
    prepared = shop(ratings=200)
    with pytest.raises(Stopped, match="stopped by SIGINT after step 3 of"):
        train(prepared, balancer=stopping(Mean, at=3, number=signal.SIGINT), out=tmp_path)
    assert left(tmp_path)


def test_a_stop_without_a_folder_says_that_nothing_was_kept() -> None:
    with pytest.raises(Stopped, match="Nothing was kept, since there is no --out"):
        train(shop(ratings=200), balancer=stopping(Mean, at=1))


def test_checkpoints_between_epochs(tmp_path: Path) -> None:
    prepared = shop(ratings=300)

    class Dies(Mean):
        calls = 0

        def backward(self, *args):
            type(self).calls += 1
            if type(self).calls == 4:
                raise KeyError("power cut")
            return super().backward(*args)

    options = settings(checkpoint_every=2)
    with pytest.raises(KeyError):
        train(prepared, options, Dies, out=tmp_path / "cut")
    again, _ = train(prepared, options, out=tmp_path / "cut", resume=True)
    straight, _ = train(prepared, settings(), out=tmp_path / "straight")
    assert digest(again.state_dict()) == digest(straight.state_dict())


def test_a_finished_training_is_not_repeated(tmp_path: Path) -> None:
    prepared = shop(ratings=120)
    first, told = train(prepared, out=tmp_path)
    again, retold = train(prepared, balancer=stopping(Mean, at=1), out=tmp_path, resume=True, model=Tiny(prepared, seed=3))
    assert digest(first.state_dict()) == digest(again.state_dict()) and timeless(told) == timeless(retold)


def test_resume_without_a_checkpoint_starts(tmp_path: Path) -> None:
    _, fitted = train(shop(ratings=120), out=tmp_path / "new", resume=True)
    assert fitted.epochs == 2


def test_checkpoints_are_not_trained_over(tmp_path: Path) -> None:
    prepared = shop(ratings=120)
    train(prepared, out=tmp_path)
    with pytest.raises(
        RunError,
        match=r"should be empty when training starts. Found checkpoints of an earlier training\. Go on with",
    ):
        train(prepared, out=tmp_path)


def test_other_settings_are_refused(tmp_path: Path) -> None:
    prepared = shop(ratings=120)
    train(prepared, out=tmp_path)
    with pytest.raises(RunError, match=r"Found that `epochs` was 2 and is 3, `seed` was 17 and is 4\. Set them back"):
        train(prepared, settings(epochs=3, workers=2), out=tmp_path, resume=True, seed=4)


def test_another_model_is_refused(tmp_path: Path) -> None:
    train(shop(ratings=120), out=tmp_path)
    with pytest.raises(
        RunError, match=r"Found 1 that do not fit, such as `users.weight`: \(45, 4\) where \(55, 4\) is needed"
    ):
        train(shop(ratings=120, users=50), out=tmp_path, resume=True)


def test_what_is_told(tmp_path: Path) -> None:
    class Listening:
        def __init__(self) -> None:
            self.heard: list[object] = []

        def started(self, record: StartRecord) -> None:
            self.heard.append(record)

        def step(self, record: StepRecord) -> None:
            self.heard.append(record)

        def epoch(self, record: EpochRecord) -> None:
            self.heard.append(record)

        def note(self, text: str) -> None:
            self.heard.append(text)

        def finished(self, fitted: Fitted) -> None:
            self.heard.append(fitted)

        def close(self) -> None:
            self.heard.append("closed")

    watch = Listening()
    train(shop(ratings=600), settings(probes=2), watch=watch)
    kinds = [type(heard).__name__ for heard in watch.heard]
    assert kinds == ["StartRecord", "StepRecord", "EpochRecord", "StepRecord", "EpochRecord", "Fitted", "str"]
    step, epoch, fitted = watch.heard[1], watch.heard[2], watch.heard[5]
    assert isinstance(step, StepRecord) and isinstance(epoch, EpochRecord) and isinstance(fitted, Fitted)
    assert set(step.losses) == {"like", "stars", "kind"} and step.examples > 0 and step.step == 10
    assert epoch.epoch == 1 and set(epoch.scores) == {"like", "stars", "kind"}
    assert fitted.examples_per_second > 0 and [c.step for c in fitted.cosines] == [5, 10, 15, 20]
    assert fitted.gates == {"level 1": {"like": [0.25, 0.75], "stars": [0.25, 0.75], "kind": [0.25, 0.75]}}
