"""Promises T3 and T6: killed at any moment a whole checkpoint loads; every damage is found."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError

from plait.errors import CorruptError
from plait.train import checkpoint as checkpoints
from plait.train.checkpoint import Checkpoint, Checkpoints
from support.runs import digest


def checkpoint(step: int) -> Checkpoint:
    draw = torch.Generator().manual_seed(step)
    weights = {"a": torch.rand(40, 5, generator=draw), "b": torch.rand(1, generator=draw).bfloat16()}
    return Checkpoint(
        {"weights": weights, "training": {"random": torch.arange(step + 1)}}, {"step": step, "nan": float("nan")}
    )


def test_what_is_written_is_read(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path / "run" / "checkpoints")
    assert not store.exists()
    store.write(3, checkpoint(3))
    store.write(7, checkpoint(7))
    read, damaged = Checkpoints(store.folder).load()
    assert damaged == [] and read.state["step"] == 7
    assert digest(read.tensors["weights"]) == digest(checkpoint(7).tensors["weights"])
    assert digest(read.tensors["training"]) == digest(checkpoint(7).tensors["training"])


def test_the_newest_two_are_kept(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path)
    for step in range(4):
        store.write(step, checkpoint(step))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["latest.json", "step-00000002", "step-00000003"]


def test_a_folder_is_never_written_twice(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path)
    first, second = store.write(5, checkpoint(5)), store.write(5, checkpoint(6))
    assert first != second and first.is_dir()
    assert store.load()[0].state["step"] == 6


def test_what_did_not_change_is_linked(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path)
    best = {"a": torch.ones(3)}
    places = [store.write(step, Checkpoint({"best": best, "weights": {"w": torch.ones(step)}}, {})) for step in (1, 2)]
    one, two = (place / "best.safetensors" for place in places)
    assert one.samefile(two) and not (places[0] / "weights.safetensors").samefile(places[1] / "weights.safetensors")
    later = store.write(3, Checkpoint({"best": {"a": torch.zeros(3)}}, {}))
    assert store.load()[0].tensors["best"]["a"].sum() == 0 and not (later / "best.safetensors").samefile(two)


def test_what_a_kill_left_behind_goes(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path)
    store.write(1, checkpoint(1))
    (tmp_path / "step-00000002").mkdir()
    (tmp_path / "step-00000002" / "weights.safetensors").write_bytes(b"half")
    assert store.load()[0].state["step"] == 1
    assert store.write(2, checkpoint(2)).name == "step-00000002" and store.load()[0].state["step"] == 2


def test_a_full_disk_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Checkpoints(tmp_path)
    store.write(1, checkpoint(1))

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            store.write(2, checkpoint(2))
    assert store.load()[0].state["step"] == 1
    store.write(2, checkpoint(2))
    assert store.load()[0].state["step"] == 2


def test_a_disk_that_fills_while_tensors_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Checkpoints(tmp_path)
    store.write(1, checkpoint(1))

    def full(*args: object) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "save_file", full)
        with pytest.raises(OSError, match="No space left") as caught:
            store.write(2, checkpoint(2))
    assert caught.value.errno == errno.ENOSPC and str(caught.value.filename).endswith(".safetensors")
    assert store.load()[0].state["step"] == 1


def damages(folder: Path, count: int, seed: int) -> list[tuple[str, Path]]:
    """Damage copies of a folder of two checkpoints in many ways; the newest checkpoint or the pointer is hit."""
    draw = random.Random(seed)
    newest = json.loads((folder / "latest.json").read_text())["checkpoints"][0]["folder"]
    targets = [folder / "latest.json", *sorted((folder / newest).iterdir())]
    found = []
    for number in range(count):
        copy = folder.parent / f"copy-{number}"
        shutil.copytree(folder, copy)
        path = copy / draw.choice(targets).relative_to(folder)
        body = bytearray(path.read_bytes())
        kind = draw.choice(["flip", "cut", "gone"])
        if kind == "gone":
            path.unlink()
        else:
            place = draw.randrange(len(body))
            body[place] ^= 1 << draw.randrange(8)
            path.write_bytes(bytes(body) if kind == "flip" else bytes(body[:place]))
        found.append((f"{kind} {path.name}", copy))
    return found


def every_damage_is_found(folder: Path, count: int) -> None:
    store = Checkpoints(folder)
    store.write(1, checkpoint(1))
    store.write(2, checkpoint(2))
    for what, copy in damages(folder, count, seed=count):
        try:
            read, damaged = Checkpoints(copy).load()
        except CorruptError as error:
            assert "latest.json" in str(error), what
        else:
            assert read.state["step"] == 1 and len(damaged) == 1, what
            assert digest(read.tensors["weights"]) == digest(checkpoint(1).tensors["weights"])
        shutil.rmtree(copy)


def test_every_damage_is_found(tmp_path: Path) -> None:
    every_damage_is_found(tmp_path / "store", 60)


@pytest.mark.soak
def test_every_damage_is_found_soak(tmp_path: Path) -> None:
    every_damage_is_found(tmp_path / "store", 3000)


def test_the_words_of_damage(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path)
    for step in (1, 2):
        (store.write(step, checkpoint(step)) / "weights.safetensors").write_bytes(b"x")
    words = r"step-00000002/weights.safetensors` was altered or cut short.*step-00000001.*No whole checkpoint is left"
    with pytest.raises(CorruptError, match=words):
        store.load()
    (tmp_path / "latest.json").write_text("{}")
    with pytest.raises(CorruptError, match=r"should hold the names and SHA-256 of the checkpoints. Found it altered"):
        store.load()
    (tmp_path / "latest.json").unlink()
    with pytest.raises(CorruptError, match=r"should say which checkpoint is the newest. Found no such file"):
        store.load()


DRIVER = """
import os, random, signal, sys, time
from pathlib import Path
import torch
torch.set_num_threads(1)
from plait.train.checkpoint import Checkpoint, Checkpoints

folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
draw = random.Random(rounds)
newest = 0

def write(pipe):
    store = Checkpoints(folder)
    step = store.load()[0].state["step"] if store.exists() else 0
    while True:
        step += 1
        weights = {"a": torch.full((2000,), float(step)), "b": torch.full((7, 3), float(-step))}
        store.write(step, Checkpoint({"weights": weights, "training": {"n": torch.tensor(step)}}, {"step": step}))
        os.write(pipe, b"%d\\n" % step)

for _ in range(rounds):
    read, pipe = os.pipe()
    child = os.fork()
    if child == 0:
        write(pipe)
    os.close(pipe)
    told = os.read(read, 64)
    time.sleep(draw.random() * 0.05)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while more := os.read(read, 65536):
        told += more
    os.close(read)
    kept, damaged = Checkpoints(folder).load()
    step = kept.state["step"]
    assert damaged == [], damaged
    assert step >= max(newest, int(told.split()[-1])), (step, newest, told)
    assert bool((kept.tensors["weights"]["a"] == step).all()) and bool((kept.tensors["weights"]["b"] == -step).all())
    assert int(kept.tensors["training"]["n"]) == step
    newest = step
print("survived", rounds)
"""


def kill_while_writing(folder: Path, rounds: int) -> None:
    """Kill a process that writes checkpoints at random moments, and look at what is left each time.

    A process of its own forks the writers, so that torch is imported once and pytest, which has threads, never forks.
    """
    source = str(Path(__file__).resolve().parents[3] / "src")
    command = [sys.executable, "-W", "ignore", "-c", DRIVER, str(folder), str(rounds)]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": source}, capture_output=True, text=True, check=False)
    assert done.stdout == f"survived {rounds}\n", done.stderr


def test_a_kill_leaves_a_whole_checkpoint(tmp_path: Path) -> None:
    kill_while_writing(tmp_path / "store", 20)


@pytest.mark.soak
def test_a_thousand_kills_leave_a_whole_checkpoint(tmp_path: Path) -> None:
    kill_while_writing(tmp_path / "store", 1000)
