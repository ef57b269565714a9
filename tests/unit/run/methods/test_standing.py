"""How methods stand against the baseline: hand-computed gains, intervals over seeds, and the page that tells them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from plait.run.methods.entrants import BASELINE, entrants
from plait.run.methods.grounds import GROUNDS
from plait.run.methods.page import write_page
from plait.run.methods.race import Row
from plait.run.methods.standing import standings

GROUND = GROUNDS["conflicting"]


def row(method: str, seed: int, first: float, second: float, **more: object) -> Row:
    base = Row("conflicting", method, "balancing", seed, {"first": first, "second": second}, 2.0, 2, 100, 0)
    return replace(base, **more)


ROWS = [
    row(BASELINE, 1, 2.0, 0.80),
    row(BASELINE, 2, 2.2, 0.80),
    row(BASELINE, 3, 2.4, 0.80),
    row("good", 1, 1.8, 0.84, seconds=4.0),
    row("good", 2, 1.98, 0.88, seconds=4.0),
    row("good", 3, 2.16, 0.86, seconds=4.0),
    row("none", 1, 0.0, 0.0, scores={}, refused="it refused, because."),
]


def test_a_gain_is_relative_and_signed_by_the_metric_and_in_pairs_by_seed() -> None:
    good = next(one for one in standings(GROUND, ROWS) if one.method == "good")
    # RMSE falls by a tenth in every seed; AUC rises by 5, 10 and 7.5 %: mean gains .075, .1 and .0875.
    assert good.gain.value == pytest.approx(0.0875)
    half = 4.303 * 0.0125 / 3**0.5
    assert good.gain.high - good.gain.value == pytest.approx(half, rel=1e-6)
    assert good.tasks["first"].value == pytest.approx(0.1)
    assert good.cost == pytest.approx(2.0)
    assert good.verdict == "better"


def test_a_verdict_needs_the_whole_interval() -> None:
    rows = [*ROWS[:5], row("good", 3, 2.4, 0.70)]
    assert next(one for one in standings(GROUND, rows) if one.method == "good").verdict == "same"


def test_who_refused_stands_last_with_the_reason() -> None:
    last = standings(GROUND, ROWS)[-1]
    assert (last.method, last.refused, last.seeds) == ("none", "it refused, because.", 0)


def test_the_page_says_all_of_it(tmp_path: Path) -> None:
    write_page({"conflicting": standings(GROUND, ROWS)}, tmp_path / "page.md", "plait bench methods --seeds 2")
    page = (tmp_path / "page.md").read_text()
    assert "`none` did not run: it refused, because." in page
    assert "`good`" in page
    assert "no difference to be seen for 0" in page
    assert (tmp_path / "images" / "benchmarks" / "conflicting.svg").read_text().startswith("<svg")


@pytest.mark.parametrize("name", list(GROUNDS))
def test_every_ground_has_every_method_once_and_the_baseline_first(name: str) -> None:
    names = [one.name for one in entrants(GROUNDS[name])]
    assert names[0] == BASELINE
    assert len(names) == len(set(names))
    assert {"ple", "mmoe", "upgrad", "uncertainty", "each task alone"} <= set(names)
