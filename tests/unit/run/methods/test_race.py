"""A small race on made-up data: every row is kept at once, nothing is run twice, wrong words are answered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from plait.errors import RecipeError
from plait.run.methods import bench_methods
from plait.run.methods.entrants import BASELINE, Entrant
from plait.run.methods.grounds import lay_out
from plait.run.methods.race import Lap, rows_of, run_lap


def told(what: str, done: int, total: int) -> None:
    pass


def test_a_race_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plait.run.methods.grounds._SYNTHETIC_ROWS", 6_000)
    lines, found = bench_methods(tmp_path, None, ["unrelated"], ["uncertainty"], 1, None, told)
    kept = rows_of(tmp_path / "results.jsonl")
    assert sorted(row.method for row in kept) == [BASELINE, "uncertainty"]
    assert all(0.5 < score < 1 for row in kept for score in row.scores.values())
    assert "uncertainty" in "\n".join(lines)
    assert json.dumps(found, allow_nan=False)
    with (tmp_path / "results.jsonl").open("a") as stream:
        stream.write('{"ground": "unrel')  # a line that a kill cut short
    bench_methods(tmp_path, None, ["unrelated"], ["uncertainty", "maximum"], 1, None, told)
    after = rows_of(tmp_path / "results.jsonl")
    assert after[: len(kept)] == kept
    assert [row.method for row in after[len(kept) :]] == ["maximum"]


def test_a_method_that_refuses_is_noted_with_its_reason(tmp_path: Path) -> None:
    lay_out("unrelated", tmp_path, None)
    entrant = Entrant("odd", "balancing", {"kind": "shared_bottom"}, {"kind": "fixed", "weights": {"third": 1.0}})
    row = run_lap(Lap("unrelated", entrant, 1), tmp_path)
    assert "`balance.weights` should name tasks. Found `third`" in row.refused
    assert row.scores == {}


def test_wrong_words_are_answered(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="`--grounds` should name some of census, .*Found `censes`"):
        bench_methods(tmp_path, None, ["censes"], [], 1, None, told)
    with pytest.raises(RecipeError, match="`--only` should name methods. Found `pel`"):
        bench_methods(tmp_path, None, ["unrelated"], ["pel"], 1, None, told)
    with pytest.raises(RecipeError, match=r"in the folder of `--data`: hillstrom/email.parquet\. Found no --data"):
        bench_methods(tmp_path, None, ["hillstrom"], [], 1, None, told)
