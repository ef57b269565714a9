"""Batches against a naive oracle, and as a pure function of seed, epoch and number."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from plait.data.batches import Batch, Batches, block, gather
from plait.data.columns import Prepared
from plait.data.seeds import generator
from plait.data.stream import ahead
from support.prepared import shop


def oracle_row(prepared: Prepared, table: str, row: int) -> list[float]:
    """Read one row value by value."""
    columns = prepared.tables[table]
    matrix = columns.matrix
    cut = columns.layout.codes + len(columns.layout.keys)
    numbers = [
        matrix[row, cut + place : cut + place + 1].view(torch.float32).item() for place in range(columns.layout.numbers)
    ]
    return [*matrix[row, : columns.layout.codes].tolist(), *numbers]


def flat(batch: Batch) -> list[Tensor]:
    """Lay out every tensor of a batch."""
    found = [batch.rows, *batch.items.values(), *batch.labels.values(), *batch.weights.values(), *batch.groups.values()]
    for part in [*batch.roles.values(), *(past.block for past in batch.pasts.values())]:
        found += [part.codes, part.numbers, part.rows, *part.vectors.values()]
    return found + [past.positions for past in batch.pasts.values()]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 99), picks=st.lists(st.integers(0, 59), min_size=1, max_size=12))
def test_gather_equals_reading_row_by_row(seed: int, picks: list[int]) -> None:
    prepared = shop(users=7, films=5, ratings=59, seed=seed)
    batch = gather(prepared, "ratings", torch.tensor(picks))
    ratings, events = prepared.tables["ratings"], prepared.histories["users.recent"]
    for place, row in enumerate(picks):
        ids = {"ratings": row, "users": int(ratings.matrix[row, 0]), "films": int(ratings.matrix[row, 1])}
        for role, target in ids.items():
            got = batch.roles[role]
            assert int(got.rows[place]) == target
            assert [*got.codes[place].tolist(), *got.numbers[place].tolist()] == oracle_row(prepared, role, target)
        assert torch.equal(
            batch.roles["films"].vectors["films.title"][place], prepared.tables["films"].vectors["films.title"][ids["films"]]
        )
        start, stop = events.spans["ratings"][row].tolist()
        past = events.items[start:stop].tolist()
        assert batch.items["users.recent"][place].tolist() == [0] * (events.last - len(past)) + past
        assert (
            batch.pasts["users.recent"].block.rows[batch.pasts["users.recent"].positions[place]].tolist()
            == batch.items["users.recent"][place].tolist()
        )
        for task, label in batch.labels.items():
            wanted = ratings.labels[task][row]
            assert torch.equal(label[place], wanted) or (label[place].isnan().all() and wanted.isnan().all())
            given_weight = ratings.weights[task][row] if task in ratings.weights else 1.0
            assert float(batch.weights[task][place]) == (0.0 if wanted.isnan() else float(given_weight))


def test_padding_stands_at_position_zero() -> None:
    prepared = shop()
    past = gather(prepared, "ratings", torch.tensor([0, 600])).pasts["users.recent"]
    assert past.block.rows[0] == 0 and past.block.codes[0].tolist() == [0, 0]
    assert past.positions[0].tolist() == [0] * 5


def test_views_do_not_copy() -> None:
    gathered = block(shop(), "films", torch.tensor([3, 1]))
    assert gathered.numbers.data_ptr() - gathered.codes.data_ptr() == 2 * 4


def test_applied_rows_lead_into_the_prepared_tables() -> None:
    prepared, other = shop(), shop(ratings=20, seed=3)
    batch = gather(prepared, "ratings", torch.tensor([4]), columns=other.tables["ratings"])
    user = int(other.tables["ratings"].matrix[4, 0])
    assert batch.roles["users"].rows.tolist() == [user]
    start, stop = prepared.histories["users.recent"].now[user].tolist()
    assert batch.items["users.recent"][0].tolist() == prepared.histories["users.recent"].items[start:stop].tolist()
    assert torch.equal(batch.labels["like"], other.tables["ratings"].labels["like"][4:5])


@settings(max_examples=30, deadline=None)
@given(size=st.integers(1, 700), epoch=st.integers(0, 5))
def test_an_epoch_visits_every_row_once(size: int, epoch: int) -> None:
    prepared = shop()
    batches = Batches(prepared, "ratings", ["like", "stars"], "train", size, seed=17)
    seen = [batches.rows(epoch, index) for index in range(len(batches))]
    assert all(0 < rows.numel() <= size for rows in seen)
    assert torch.equal(torch.cat(seen).sort()[0], prepared.rows("like", "train"))
    assert batches.examples == sum(rows.numel() for rows in seen)


def test_a_row_counts_when_any_task_is_observed() -> None:
    prepared = shop()
    only = Batches(prepared, "ratings", ["stars"], "train", 50, seed=1)
    assert (
        only.examples
        == prepared.rows("stars", "train").numel()
        < Batches(prepared, "ratings", ["like", "stars"], "train", 50, 1).examples
    )


def test_a_last_batch_of_one_row_is_ordinary() -> None:
    prepared = shop()
    count = prepared.rows("like", "train").numel()
    batches = Batches(prepared, "ratings", ["like"], "train", count - 1, seed=17)
    rows = batches.rows(0, 1)
    batch = gather(prepared, "ratings", rows)
    assert rows.numel() == 1 and batch.labels["like"].shape == (1, 1) and batch.items["users.recent"].shape == (1, 5)


def test_batches_are_drawn_in_any_order() -> None:
    prepared = shop()
    one, two = (Batches(prepared, "ratings", ["like"], "train", 64, seed=17) for _ in range(2))
    forward = {(e, i): one.rows(e, i) for e in range(3) for i in range(len(one))}
    for key in reversed(forward):
        assert torch.equal(two.rows(*key), forward[key])
    assert not torch.equal(forward[0, 0], forward[1, 0])
    assert not torch.equal(forward[0, 0], Batches(prepared, "ratings", ["like"], "train", 64, seed=18).rows(0, 0))


def test_numbers_past_the_end_are_further_passes() -> None:
    prepared = shop()
    batches = Batches(prepared, "films", ["kind"], "train", 7, seed=17)
    again = [batches.rows(0, len(batches) + index) for index in range(len(batches))]
    assert torch.equal(torch.cat(again).sort()[0], prepared.rows("kind", "train"))
    assert not torch.equal(batches.rows(0, 0), again[0])


def test_workers_change_nothing() -> None:
    prepared = shop()
    batches = Batches(prepared, "ratings", ["like"], "train", 32, seed=17)

    def work(index: int) -> Batch:
        return gather(prepared, "ratings", batches.rows(1, index))

    alone = [flat(batch) for batch in ahead(work, range(len(batches)), 0)]
    for workers in (2, 4):
        threaded = [flat(batch) for batch in ahead(work, range(len(batches)), workers)]
        assert all(
            torch.equal(a.nan_to_num(-9.0), b.nan_to_num(-9.0))
            for x, y in zip(alone, threaded, strict=True)
            for a, b in zip(x, y, strict=True)
        )


def test_an_error_of_a_worker_is_raised_in_order() -> None:
    stream = ahead(lambda item: 6 // (3 - item), range(6), 2)
    assert [next(stream) for _ in range(3)] == [2, 3, 6]
    with pytest.raises(ZeroDivisionError):
        next(stream)


@settings(max_examples=30, deadline=None)
@given(size=st.integers(1, 300), epoch=st.integers(0, 3), seed=st.integers(0, 9))
def test_lists_stay_whole(size: int, epoch: int, seed: int) -> None:
    prepared = shop(ranking=True, seed=seed)
    batches = Batches(prepared, "ratings", ["like", "order"], "train", size, seed)
    found = [gather(prepared, "ratings", batches.rows(epoch, index)) for index in range(len(batches))]
    assert torch.equal(torch.cat([batch.rows for batch in found]).sort()[0], prepared.rows("like", "train"))
    lists = [set(batch.groups["order"].tolist()) for batch in found]
    assert all(lists) and sum(map(len, lists)) == len(set().union(*lists))


def test_a_row_without_a_list_is_a_list_of_its_own() -> None:
    prepared = shop(ranking=True)
    prepared.tables["ratings"].matrix[[3, 4], 0] = 0
    batch = gather(prepared, "ratings", torch.tensor([3, 4, 5]))
    assert len(set(batch.groups["order"].tolist())) == 3


def test_a_part_without_rows_has_no_batches() -> None:
    prepared = shop()
    prepared.tables["films"].part[:] = 0
    batches = Batches(prepared, "films", ["kind"], "train", 7, seed=17)
    assert len(batches) == 0 and batches.examples == 0


def test_generators_differ_by_name() -> None:
    draws = {torch.rand(1, generator=generator(17, *names)).item() for names in (("a", 1), ("a", 2), ("b", 1), (), ("a1",))}
    assert len(draws) == 5
