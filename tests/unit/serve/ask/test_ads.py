from __future__ import annotations

import numpy as np
import pytest
import torch

from plait.errors import RecipeError
from plait.serve.ask.ads import charges, pace
from plait.serve.ask.calibration import calibrated, expected_error
from plait.serve.ask.questions import AdsAsked, Bid
from plait.serve.service import Service


def drawn(rows: int, wrong: float) -> tuple[np.ndarray, np.ndarray]:
    """Chances that are too sure by a factor on their log odds, and what happened."""
    draw = np.random.default_rng(0)
    odds = draw.normal(-1, 1, rows)
    happened = (draw.random(rows) < 1 / (1 + np.exp(-odds))).astype(np.float64)
    return 1 / (1 + np.exp(-wrong * odds)), happened


@pytest.mark.parametrize("rows", [400, 8_000])
def test_chances_come_true(rows: int) -> None:
    predicted, happened = drawn(rows, 3.0)
    found = calibrated(predicted, happened)
    assert found.kind in ({"platt"} if rows < 1_000 else {"platt", "isotonic"})
    assert found.after < 0.5 * found.before
    fresh, then = drawn(20_000, 3.0)
    assert expected_error(found(torch.from_numpy(fresh)).numpy(), then) < 0.03
    assert f"{found.kind}: calibration error {found.before:.4f} -> {found.after:.4f} on {rows:,} rows" == str(found)


def test_chances_that_come_true_are_hardly_changed() -> None:
    predicted, happened = drawn(8_000, 1.0)
    found = calibrated(predicted, happened)
    assert np.abs(found(torch.from_numpy(predicted)).numpy() - predicted).mean() < 0.01


def test_isotonic_rises_and_is_never_sure() -> None:
    from plait.serve.ask.calibration import _isotonic

    predicted, happened = drawn(2_000, 2.0)
    line = _isotonic(predicted, happened)(np.linspace(0, 1, 500))
    assert (np.diff(line) >= 0).all() and line.min() > 0 and line.max() < 1
    assert _isotonic(np.array([0.5, 0.5, 0.5]), np.array([1.0, 0.0, 0.0]))(np.array([0.1, 0.9])) == pytest.approx(1 / 3)


def test_pace_follows_money_and_time() -> None:
    assert pace(Bid(item="a", bid=1)) == 1
    assert pace(Bid(item="a", bid=1, budget=100, spent=20, elapsed=0.5)) == 1
    assert pace(Bid(item="a", bid=1, budget=100, spent=75, elapsed=0.5)) == pytest.approx(0.5)
    assert pace(Bid(item="a", bid=1, budget=100, spent=50, elapsed=1)) == 1


def test_a_day_with_pace_lasts_longer_than_one_without() -> None:
    """Spending in proportion to the pace: money is left at the end of the day, and none without."""
    paced = plain = 0.0
    for step in range(100):
        paced += 2.0 * pace(Bid(item="a", bid=1, budget=100, spent=paced, elapsed=step / 100))
        plain += 2.0
    assert 85 < paced <= 100 < plain


def test_the_second_price() -> None:
    bids, weights = torch.tensor([2.0, 1.0, 1.0]).double(), torch.tensor([0.5, 0.8, 0.1]).double()
    assert charges(bids, weights).tolist() == pytest.approx([1.6, 0.125, 0.0])


def test_the_most_valuable_come_first(service: Service) -> None:
    bids = [
        Bid(item="f/1 é", bid=1.0),
        Bid(item="f/2 é", bid=5.0, campaign="c", budget=10, spent=4, elapsed=0.2),
        Bid(item="f/3 é", bid=1.0, campaign="gone", budget=10, spent=10),
        Bid(item="none", bid=1.0),
    ]
    answer = service.ads(AdsAsked(user="5", bids=bids, count=2))
    assert answer.event == "like" and answer.degraded == []
    assert [ad.item for ad in answer.ads] == ["f/2 é", "f/1 é"]
    first, second = answer.ads
    assert first.value == pytest.approx(first.bid * first.probability * first.pace) and first.pace == pytest.approx(0.75)
    assert first.charge == pytest.approx(second.value / (first.probability * first.pace)) and second.charge == 0
    assert answer.refused == {"f/3 é": "the budget of gone is spent", "none": "there is no such item"}
    assert "calibration error" in answer.calibrated["like"]


def test_an_event_is_made_of_chances(service: Service) -> None:
    with pytest.raises(RecipeError, match=r"Found `stars` in `stars`"):
        service.ads(AdsAsked(user="5", bids=[Bid(item="f/1 é", bid=1)], event="stars"))
    once = service.ads(AdsAsked(user="5", bids=[Bid(item="f/1 é", bid=1)])).ads[0]
    twice = service.ads(AdsAsked(user="5", bids=[Bid(item="f/1 é", bid=1)], event="like * like")).ads[0]
    assert twice.probability == pytest.approx(once.probability**2)
