"""Whose turn it is."""

from __future__ import annotations

from collections import Counter
from itertools import chain

import pytest
import torch

from plait.data.mix import mix_of
from plait.errors import DataError
from support.prepared import shop


def test_joint_takes_one_pass_of_every_table() -> None:
    prepared = shop()
    mix = mix_of("joint", prepared, 50, seed=17)
    steps = mix.steps(0)
    assert len(steps) == 10
    assert all("ratings" in dict(step) for step in steps)
    for table, task in (("ratings", "like"), ("films", "kind")):
        rows = torch.cat([mix.rows(0, turn) for step in steps for turn in step if turn[0] == table])
        assert torch.equal(rows.sort()[0], prepared.rows(task, "train"))
    assert Counter(table for step in steps for table, _ in step)["films"] in (9, 10)


def test_joint_spreads_a_table_with_too_few_rows() -> None:
    prepared = shop(films=5)
    steps = mix_of("joint", prepared, 20, seed=17).steps(0)
    turns = [number for number, step in enumerate(steps) if "films" in dict(step)]
    assert turns == [0, 8, 16]


def test_alternate_gives_every_table_as_many_turns() -> None:
    prepared = shop()
    mix = mix_of("alternate", prepared, 100, seed=17)
    steps = mix.steps(0)
    assert [table for step in steps for table, _ in step] == ["ratings", "films"] * 5
    films = [mix.rows(0, turn) for turn in chain.from_iterable(steps) if turn[0] == "films"]
    assert all(rows.numel() == films[0].numel() for rows in films) and not torch.equal(films[0], films[1])


def test_proportional_takes_one_pass_in_a_drawn_order() -> None:
    prepared = shop()
    mix = mix_of("proportional", prepared, 6, seed=17)
    first, second = mix.steps(0), mix.steps(1)
    assert first != second and first == mix_of("proportional", prepared, 6, seed=17).steps(0)
    assert sorted(chain.from_iterable(first)) == sorted(chain.from_iterable(second))
    rows = torch.cat([mix.rows(0, turn) for turn in chain.from_iterable(first) if turn[0] == "films"])
    assert torch.equal(rows.sort()[0], prepared.rows("kind", "train"))


def test_a_table_without_training_rows_takes_no_turn() -> None:
    prepared = shop()
    prepared.tables["films"].part[:] = 3
    mix = mix_of("joint", prepared, 50, seed=17)
    assert list(mix.batches) == ["ratings"] and mix.examples == prepared.rows("like", "train").numel()


def test_no_training_row_at_all_is_an_error() -> None:
    prepared = shop()
    for name in ("films", "ratings"):
        prepared.tables[name].part[:] = 3
    with pytest.raises(
        DataError, match=r"\['like', 'stars', 'next', 'kind'\] should have observed labels in the train part.*Found 0 rows"
    ):
        mix_of("joint", prepared, 50, seed=17)
