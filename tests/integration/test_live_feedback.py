"""What the how-to on live feedback says runs as it stands, and a training hears a file that changes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from support.command import plait


def test_the_how_to_runs(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (root / "docs" / "howto" / "live-feedback.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        exec(compile(block, "live-feedback.md", "exec"), {})
    assert json.loads((tmp_path / "weights.json").read_text()) == {"like": 3.0, "stars": 1.0}


def test_a_training_follows_the_file(tmp_path: Path) -> None:
    from plait.run.job import train
    from support.films import write_films

    recipe = write_films(tmp_path)
    signal = tmp_path / "weights.json"
    signal.write_text(json.dumps({"like": 9.0}))
    recipe["balance"] = {"kind": "feedback", "file": str(signal), "every": 1, "smoothing": 0.0, "floor": 0.0}
    run = train(recipe, tmp_path / "run", base=tmp_path, alone=False)
    figures = json.loads((run.folder / "figures.json").read_text())
    weights = {task: points[-1] for task, points in figures["weights"]["tasks"].items()}
    assert weights["like"] == pytest.approx(9 * weights["stars"], rel=1e-3)


def test_the_command_line_tells_of_a_broken_file_in_a_sentence(tmp_path: Path) -> None:
    from support.films import write_films

    recipe = write_films(tmp_path)
    signal = tmp_path / "weights.json"
    signal.write_text('{"like": 9')
    recipe["balance"] = {"kind": "feedback", "file": str(signal)}
    (tmp_path / "films.yaml").write_text(yaml.safe_dump(recipe, allow_unicode=True), encoding="utf-8")
    done = plait("train", tmp_path / "films.yaml", "--out", tmp_path / "run", "--no-alone")
    told = [line for line in done.stderr.splitlines() if "weights.json" in line]
    assert len(told) == 1
    words = "should hold a number from 0 to 1e+09 for tasks of this run. Found: Expecting"
    assert told[0].startswith(f"warning: `{signal}` {words}")
    assert "UserWarning" not in done.stderr
