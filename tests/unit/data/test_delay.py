"""Labels that may still become 1: what is known when, by hand; and nothing of what came after the cut."""

from __future__ import annotations

import numpy as np
import pytest

from plait.data.delay import Settled, settle
from plait.data.moments import MISSING
from plait.errors import DataError, RecipeError
from plait.schema import Delay

DAY = 86_400_000_000


def run(times: list[float], arrived: list[float | None], part: list[int], **delay: str) -> Settled:
    """Settle labels whose times are in days; a label with a time is 1."""
    settings = Delay.model_validate({"at": "paid", "window": "4 days", **delay})
    when = np.array([MISSING if t is None else round(t * DAY) for t in arrived], dtype=np.int64)
    label = np.array([t is not None for t in arrived], dtype=np.float64)
    moments = np.array([round(t * DAY) for t in times], dtype=np.int64)
    return settle("Task `buy`", settings, label, np.ones(len(times), bool), moments, when, np.array(part, dtype=np.uint8))


def test_waiting_leaves_out_what_is_not_settled_whatever_it_says() -> None:
    # The cut is day 10, the latest training example; rows from day 6 on are not settled.
    found = run([1, 1, 5, 6, 8, 8, 10], [2, None, 9.5, None, 9, None, None], [1] * 7, correction="wait")
    assert found.cut == 10 * DAY
    assert found.observed.tolist() == [True, True, True, True, False, False, False]
    assert found.label[:4].tolist() == [1, 0, 0, 0], "4.5 days after is later than the window"
    assert found.chance.tolist() == [1] * 7


def many(count: int = 40) -> tuple[list[float], list[float | None], list[int]]:
    """Settled training rows of day 0 that became 1 after 0.1, 0.2, ... 4 days."""
    return [0.0] * count, [0.1 * (number + 1) for number in range(count)], [1] * count


def test_importance_keeps_them_with_the_chance_to_know_by_now() -> None:
    times, arrived, part = many()
    found = run([*times, 8, 9, 10, 10], [*arrived, 9.5, 10.5, None, None], [*part, 1, 1, 1, 1])
    assert found.label[40:].tolist() == [1, 0, 0, 0], "what came after the cut is not known"
    assert found.chance[40:].tolist() == pytest.approx([0.5, 0.25, 1, 1])
    assert found.observed[40:].tolist() == [True, True, False, False], "too young to tell anything"
    assert found.chance[:40].tolist() == [1] * 40


def test_rows_that_do_not_train_know_all_of_the_window() -> None:
    times, arrived, part = many()
    found = run([*times, 9, 11, 11, 14, 20], [*arrived, None, 14.5, None, 14.1, None], [*part, 1, 2, 3, 3, 3])
    assert found.cut == 9 * DAY
    assert found.label[41:].tolist() == [1, 0, 1, 0]
    assert found.observed[41:].tolist() == [True, True, True, False], "the last has not ended when the data end"
    assert found.chance[41:].tolist() == [1] * 4


@pytest.mark.parametrize("correction", ["wait", "importance"])
def test_what_comes_after_the_cut_changes_nothing_in_training(correction: str) -> None:
    draw = np.random.default_rng(3)
    times = np.sort(draw.uniform(0, 30, 800))
    part = np.where(times < 20, 1, 3).tolist()
    arrived = [
        t + d if d < 4 and draw.random() < 0.5 else None for t, d in zip(times, draw.exponential(2, 800), strict=True)
    ]
    later = [None if t is not None and t > times[times < 20].max() else t for t in arrived]
    one = run(times.tolist(), arrived, part, correction=correction)
    two = run(times.tolist(), later, part, correction=correction)
    train = np.array(part) == 1
    assert (np.array(arrived, dtype=object) != np.array(later, dtype=object))[train].any()
    for name in ("label", "observed", "chance"):
        assert np.array_equal(getattr(one, name)[train], getattr(two, name)[train])


def test_a_cut_of_ones_own() -> None:
    times, arrived, part = many()
    found = run([*times, 3, 5, 7], [*arrived, 4, 5.5, None], [*part, 1, 1, 1], cut="1970-01-07")
    assert found.cut == 6 * DAY
    assert found.observed[40:].tolist() == [True, True, False], "it did not exist at the cut"
    assert found.chance[40:42].tolist() == pytest.approx([0.75, 0.25])
    with pytest.raises(RecipeError, match="`delay.cut` should be a moment such as 2024-05-31. Found `soon`"):
        run([1.0], [2.0], [1], cut="soon")


@pytest.mark.parametrize(
    ("arrived", "words"),
    [
        ([0.5], "should not be before the example itself. Found it in 1 rows whose label is 1, first row 1"),
        ([1.5], "should find at least 20 rows of the training part that became 1 and whose 4 days are over"),
    ],
)
def test_what_cannot_be(arrived: list[float], words: str) -> None:
    with pytest.raises(DataError, match=words):
        run([1.0, 2.0], [*arrived, None], [1, 1])


def test_a_label_without_its_time() -> None:
    settings = Delay(at="paid", window="1 day")
    with pytest.raises(DataError, match="`delay.at: paid` should say when each label became 1. Found no time for 1 rows"):
        settle(
            "Task `buy`", settings, np.ones(1), np.ones(1, bool), np.zeros(1, np.int64),
            np.full(1, MISSING), np.ones(1, np.uint8),
        )  # fmt: skip


def test_nothing_at_all() -> None:
    found = run([], [], [])
    assert len(found.label) == 0
