"""Resampled labels: as many as asked for, others in each epoch, nothing of other tasks changed, the same for any worker."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from plait.data.batches import Batches, gather, hide
from plait.data.columns import Prepared
from plait.data.mix import mix_of
from plait.train.settings import Train
from plait.train.supply import Supply
from support.prepared import shop

TASKS = ["like", "stars", "next"]


def made(times: dict[str, list[float]], **options: bool) -> Prepared:
    return replace(shop(**options), resample=times)


def seen(prepared: Prepared, epoch: int, tasks: list[str] = TASKS, size: int = 64) -> dict[str, list[tuple[int, float]]]:
    """Return for each task the rows and labels of one epoch that count, from batches as training gathers them."""
    batches = Batches(prepared, "ratings", tasks, "train", size, 17)
    found: dict[str, list[tuple[int, float]]] = {name: [] for name in tasks}
    for index in range(len(batches)):
        batch = hide(gather(prepared, "ratings", batches.rows(epoch, index)), batches.hidden(epoch, index))
        for name in tasks:
            label, weight = batch.labels[name][:, 0], batch.weights[name]
            found[name] += [
                (int(r), float(y)) for r, y, w in zip(batch.rows, label, weight, strict=True) if float(w) > 0 and y == y
            ]
    return found


def count(labels: list[tuple[int, float]], value: float) -> int:
    return sum(label == value for _, label in labels)


def test_a_share_of_the_negatives_is_shown_and_other_tasks_see_what_they_did() -> None:
    plain, thinned = seen(shop(), 0), seen(made({"like": [0.25, 1.0]}), 0)
    assert count(thinned["like"], 0) == round(0.25 * count(plain["like"], 0))
    assert count(thinned["like"], 1) == count(plain["like"], 1)
    for other in ("stars", "next"):
        assert sorted(thinned[other]) == sorted(plain[other])


def test_epochs_show_others_and_the_same_epoch_the_same() -> None:
    prepared = made({"like": [0.25, 1.0]})
    first, again, second = seen(prepared, 0), seen(prepared, 0), seen(prepared, 1)
    assert first == again
    assert {row for row, label in first["like"] if label == 0} != {row for row, label in second["like"] if label == 0}


def test_over_epochs_every_negative_comes_up() -> None:
    prepared = made({"like": [0.5, 1.0]})
    rows = {row for epoch in range(12) for row, label in seen(prepared, epoch)["like"] if label == 0}
    assert rows == {row for row, label in seen(shop(), 0)["like"] if label == 0}


@pytest.mark.parametrize("times", [2.0, 3.5, 1.25])
def test_copies_are_seen_by_their_task_alone(times: float) -> None:
    plain, more = seen(shop(), 0), seen(made({"like": [1.0, times]}), 0)
    assert count(more["like"], 1) == int(times) * count(plain["like"], 1) + round(times % 1 * count(plain["like"], 1))
    assert count(more["like"], 0) == count(plain["like"], 0)
    for other in ("stars", "next"):
        assert sorted(more[other]) == sorted(plain[other])


def test_rows_without_a_label_left_are_not_gathered() -> None:
    prepared = made({"like": [0.1, 1.0]})
    batches = Batches(prepared, "ratings", ["like"], "train", 64, 17)
    rows = torch.cat([batches.rows(0, index) for index in range(len(batches))])
    assert rows.numel() == batches.examples == len(seen(prepared, 0, ["like"])["like"])
    assert batches.examples < Batches(shop(), "ratings", ["like"], "train", 64, 17).examples


def test_two_tasks_resample_side_by_side() -> None:
    prepared = made({"like": [0.2, 2.0], "next": [1.0, 0.5]})
    plain, found = seen(shop(), 3), seen(prepared, 3)
    assert count(found["like"], 0) == round(0.2 * count(plain["like"], 0))
    assert count(found["like"], 1) == 2 * count(plain["like"], 1)
    assert count(found["next"], 1) == round(0.5 * count(plain["next"], 1))
    assert sorted(found["stars"]) == sorted(plain["stars"])


def test_every_epoch_has_the_same_number_of_batches_and_none_is_lost() -> None:
    prepared = made({"like": [0.1, 1.0]})
    batches = Batches(prepared, "ratings", ["like", "stars"], "train", 32, 17)
    for epoch in range(4):
        order = torch.cat([batches.rows(epoch, index) for index in range(len(batches))])
        labels = prepared.tables["ratings"].labels
        shown = {row for row, _ in seen(prepared, epoch, ["like", "stars"], 32)["like"]}
        known = set((~labels["stars"][:, 0].isnan() & (prepared.tables["ratings"].part == 1)).nonzero().flatten().tolist())
        assert sorted(order.tolist()) == sorted(shown | known)


def test_lists_stay_whole_beside_a_resampled_task() -> None:
    prepared = made({"like": [0.2, 2.0]}, ranking=True)
    tasks = [*TASKS, "order"]
    plain, found = seen(shop(ranking=True), 1, tasks), seen(prepared, 1, tasks)
    assert sorted(found["order"]) == sorted(plain["order"])
    assert count(found["like"], 1) == 2 * count(plain["like"], 1)
    batches = Batches(prepared, "ratings", tasks, "train", 64, 17)
    users = prepared.tables["ratings"].matrix[:, 0]
    where: dict[int, set[int]] = {}
    for index in range(len(batches)):
        kept = ~batches.hidden(1, index)["order"]
        for user in users[batches.rows(1, index)[kept]].tolist():
            where.setdefault(user, set()).add(index)
    assert all(len(places) == 1 for places in where.values())


def test_validation_is_never_resampled() -> None:
    plain, thinned = (Batches(p, "ratings", TASKS, "valid", 16, 17) for p in (shop(), made({"like": [0.1, 1.0]})))
    assert [plain.rows(0, i).tolist() for i in range(len(plain))] == [
        thinned.rows(0, i).tolist() for i in range(len(thinned))
    ]
    assert thinned.hidden(0, 0) == {}


def test_a_class_is_never_left_out_altogether() -> None:
    assert count(seen(made({"like": [0.0001, 1.0]}), 0)["like"], 0) == 1


def test_labels_that_do_not_count_can_still_be_read_by_tasks_that_are_given_them() -> None:
    batch = gather(shop(), "ratings", torch.tensor([1, 2, 3]))
    hidden = hide(batch, {"like": torch.tensor([True, False, True])})
    assert torch.equal(hidden.labels["like"], batch.labels["like"])
    assert hidden.weights["like"].tolist() == [0.0, 1.0, 0.0]
    assert torch.equal(hidden.weights["stars"], batch.weights["stars"])
    assert hide(batch, {}) is batch


def test_batches_are_the_same_for_any_number_of_workers() -> None:
    prepared = made({"like": [0.3, 2.5]})

    def drawn(workers: int, start: int) -> list[torch.Tensor]:
        supply = Supply(prepared, Train.Settings(batch=64, workers=workers), 1, 17, torch.device("cpu"))
        steps = [step for epoch in (0, 1) for step in list(supply.epoch(epoch, start if epoch == 0 else 0))]
        batches = [b for draws in steps for draw in draws for b in draw.batches if b.table == "ratings"]
        return [tensor for b in batches for tensor in (b.rows, b.weights["like"], b.labels["stars"].nan_to_num())]

    alone = drawn(0, 0)
    for workers in (1, 3):
        assert all(torch.equal(a, b) for a, b in zip(alone, drawn(workers, 0), strict=True))
    later = drawn(2, 3)
    assert all(torch.equal(a, b) for a, b in zip(alone[-len(later) :], later, strict=True))


def test_a_step_sampled_again_hides_the_same_labels() -> None:
    prepared = made({"like": [0.3, 1.0]})
    supply = Supply(prepared, Train.Settings(batch=64), 1, 17, torch.device("cpu"))
    first, again = (
        next(b for b in draw.batches if b.table == "ratings")
        for draw in (next(iter(supply.epoch(0, 0)))[0], supply.sample(0, 0, 20))
    )
    assert torch.equal(again.weights["like"], first.weights["like"][:20])


@pytest.mark.parametrize("kind", ["joint", "alternate", "proportional"])
def test_every_mix_knows_what_is_hidden(kind) -> None:
    mix = mix_of(kind, made({"like": [0.3, 1.0]}), 64, 17)
    turns = [turn for step in mix.steps(0) for turn in step]
    hidden = [mix.hidden(0, turn) for turn in turns]
    assert any(bool(found["like"].any()) for found in hidden if found)
    assert all(found == {} for turn, found in zip(turns, hidden, strict=True) if turn[0] == "films")
