"""The commands as a person gives them: exit codes, stdout for data, stderr for messages, kill and resume."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from safetensors.numpy import load_file

from support.command import plait


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from support.films import write_films

    folder = tmp_path_factory.mktemp("shop")
    recipe = write_films(folder, ratings=3_000)
    recipe["train"] = {"epochs": 2, "patience": 30, "batch": 64, "threads": 1, "checkpoint_every": 5}
    (folder / "films.yaml").write_text(yaml.safe_dump(recipe, allow_unicode=True), encoding="utf-8")
    return folder


def test_init_check_and_json(films: Path, tmp_path: Path) -> None:
    done = plait("init", films, "--out", films / "guess.yaml", "--json")
    assert "next" in json.loads(done.stdout)["tasks"]
    done = plait("check", films / "guess.yaml", "--json")
    assert {finding["status"] for finding in json.loads(done.stdout)} <= {"PASS", "WARN"}
    assert "exists already" in plait("init", films, "--out", films / "guess.yaml", code=2).stderr


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("train.epoch=5", "`train.epoch` is no known key. Did you mean `epochs`?"),
        ("train.epochs=zero", "`train.epochs`: Input should be a valid integer"),
        ("model.sharing.kind=moe", "Found `moe`. Did you mean `mmoe`?"),
        ("tables.ratings.source=rating.parquet", "Did you mean `ratings.parquet`?"),
        ("tasks.like.label=star >= 4", "stars"),
        ("nonsense", "An override should look like"),
    ],
)
def test_what_cannot_be_is_said_clearly(films: Path, tmp_path: Path, change: str, words: str) -> None:
    code = 1 if "source" in change else 2
    done = plait("train", films / "films.yaml", "--out", tmp_path / "run", "--set", change, code=code)
    assert done.stderr.startswith("error: ")
    assert words in done.stderr


@pytest.mark.parametrize("words", [["trian"], ["check", "nowhere.yaml"]], ids=" ".join)
def test_a_process_says_and_ends_as_the_function_does(tmp_path: Path, words: list[str]) -> None:
    """The other tests call the function; this one is the person at the keyboard."""
    command = [sys.executable, "-m", "plait", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, cwd=tmp_path)
    said = plait(*words, code=done.returncode)
    assert done.returncode > 0
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1:] == said.stderr.splitlines()[-1:]


def weights(folder: Path) -> dict[str, bytes]:
    return {name: tensor.tobytes() for name, tensor in load_file(folder / "weights.safetensors").items()}


def wait_for(folder: Path) -> None:
    """Wait until training has left a checkpoint."""
    deadline = time.monotonic() + 200
    while not list(folder.glob("phases/joint/checkpoints/*/*")):
        assert time.monotonic() < deadline, "no checkpoint was written"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def whole(films: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The weights of a training that nobody interrupted."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    plait("train", films / "films.yaml", "--no-alone", "--out", folder)
    return weights(folder)


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_training_goes_on_to_the_same_bits(
    films: Path, tmp_path: Path, whole: dict[str, bytes], kill: signal.Signals
) -> None:
    arguments = ["train", str(films / "films.yaml"), "--no-alone", "--out"]
    started = subprocess.Popen(
        [sys.executable, "-m", "plait", *arguments, str(tmp_path / "killed")], stderr=subprocess.PIPE, text=True
    )
    wait_for(tmp_path / "killed")
    os.kill(started.pid, kill)
    _, said = started.communicate(timeout=60)
    assert "Traceback" not in said
    assert started.returncode == (-9 if kill == signal.SIGKILL else 1)
    if kill == signal.SIGKILL:
        plait("evaluate", tmp_path / "killed", code=1)
    plait(*arguments, tmp_path / "killed", "--resume")
    assert weights(tmp_path / "killed") == whole
