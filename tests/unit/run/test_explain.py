"""The picture of why of a finished run, with its tables and without them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.pages import checked

if TYPE_CHECKING:
    from plait.run.run import Run


def test_what_was_recorded(run: Run) -> None:
    from plait.run.explain import conflicts

    lines, data = conflicts(run.folder)
    assert any("pull" in line for line in lines)
    json.dumps(data, allow_nan=False)
    found = {(one["first"], one["second"], one["part"]) for one in data["cosine"]}  # type: ignore[attr-defined]
    assert ("like", "stars", None) in found
    assert ("like", "stars", "embeddings of films") in found
    assert data["transfer"]["when"] == "training"  # type: ignore[index]
    log = [json.loads(line) for line in (run.folder / "log.jsonl").read_text().splitlines()]
    probes = [probe for line in log if line["event"] == "epoch" for probe in line["probes"]]
    assert probes
    assert set(probes[0]) == {"step", "between", "parts", "lowered"}
    weights = json.loads((run.folder / "figures.json").read_text())["weights"]
    assert set(weights["tasks"]) == set(run.recipe.tasks)


def test_the_tables_are_not_needed_for_what_was_recorded(run: Run, tmp_path: Path) -> None:
    from plait.errors import CorruptError, RunError
    from plait.run.explain import conflicts

    for name in ("report.json", "figures.json", "manifest.json"):
        shutil.copy(run.folder / name, tmp_path / name)
    lines, _ = conflicts(tmp_path, out=tmp_path / "why.html")
    assert lines == conflicts(run.folder)[0]
    assert "What the tasks do to each other" in (tmp_path / "why.html").read_text()
    with pytest.raises(RunError, match=r"the source tables are not needed.*Found no .*tables`"):
        conflicts(tmp_path, batches=4)
    (tmp_path / "figures.json").write_text("{}")
    with pytest.raises(CorruptError, match=r"altered: `figures\.json`"):
        conflicts(tmp_path)


def test_steps_with_the_finished_model(run: Run) -> None:
    from plait.run.explain import conflicts

    before = (run.folder / "weights.safetensors").read_bytes()
    _, data = conflicts(run.folder, batches=4, rate=0.01)
    transfer = data["transfer"]
    assert (transfer["when"], transfer["batches"], transfer["rate"], transfer["held"]) == ("end", 4, 0.01, "valid")  # type: ignore[index]
    assert {(one["step"], one["loss"]) for one in transfer["lowered"]} >= {("like", "stars"), ("stars", "stars")}  # type: ignore[index]
    assert (run.folder / "weights.safetensors").read_bytes() == before
    assert conflicts(run.folder, batches=4, rate=0.01)[1]["transfer"] == transfer, "the same rows every time"


def test_what_cannot_be_asked(run: Run, tmp_path: Path) -> None:
    from plait.errors import RecipeError, RunError
    from plait.run.explain import conflicts

    with pytest.raises(RecipeError, match=r"`--out` should be a page, `\.html`.*why\.png"):
        conflicts(run.folder, out=tmp_path / "why.png")
    with pytest.raises(RecipeError, match="`--batches` should be 3 or more"):
        conflicts(run.folder, batches=2)
    with pytest.raises(RunError, match="should be a run folder"):
        conflicts(tmp_path / "none")


def test_a_front(run: Run, tmp_path: Path) -> None:
    from plait.errors import RecipeError
    from plait.run.front_of_runs import front

    lines, data = front([run.folder, run.folder], ["like", "stars"], out=tmp_path / "front.html")
    assert data["runs"][0]["dominated_by"] == []  # type: ignore[index]
    assert "on the front" in lines[2]
    page = checked((tmp_path / "front.html").read_text())
    assert "What like · AUC costs in stars · RMSE." in page
    assert page.count("– (on the front)") == 1, "one run, however often it is named"
    front([run.folder], ["like", "stars"], "valid", tmp_path / "front.svg")
    assert (tmp_path / "front.svg").read_text().startswith("<svg xmlns")
    with pytest.raises(RecipeError, match="two different tasks"):
        front([run.folder], ["like"])
    with pytest.raises(RecipeError, match=r"Found no `likes`.*Did you mean `like`\?"):
        front([run.folder], ["likes", "stars"])
    with pytest.raises(RecipeError, match="`--part` should be"):
        front([run.folder], ["like", "stars"], "train")
    with pytest.raises(RecipeError, match=r"`\.html` or `\.svg`"):
        front([run.folder], ["like", "stars"], out=tmp_path / "front.png")


def test_weights_of_a_log(tmp_path: Path) -> None:
    from plait.run.log import read_weights

    log = tmp_path / "log.jsonl"
    assert read_weights(log, ["a"]) is None
    records = [{"event": "step", "step": 10 * n, "weights": {"a": float(n)}} for n in range(1, 481)]
    text = "\n".join(json.dumps(record) for record in [{"event": "epoch", "step": 5}, *records])
    log.write_text(text + '\n{"event": "st', encoding="utf-8")
    found = read_weights(log, ["a", "b"])
    assert found is not None
    assert (found.unit, len(found.steps), found.steps[:2]) == ("step", 240, [20, 40])
    assert found.tasks["a"][:2] == [1.5, 3.5]
    assert found.tasks["b"] == [None] * 240
