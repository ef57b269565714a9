"""What is written to the log, the board and the terminal."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from plait.errors import DivergedError
from plait.train.watch import EpochRecord, JsonLines, Silent, StartRecord, StepRecord, Watch, Watchers
from plait.train.watch_board import TensorBoard
from plait.train.watch_terminal import Bar, Lines, terminal
from support.model import Mean
from support.prepared import shop
from support.runs import settings, train


class Terminal(io.StringIO):
    """Claims to be one."""

    def isatty(self) -> bool:
        return True


def events(path: Path) -> list[tuple[str, int]]:
    return [(line["event"], line.get("step", 0)) for line in map(json.loads, path.read_text().splitlines())]


def test_the_log_holds_every_record(tmp_path: Path) -> None:
    path = tmp_path / "run" / "log.jsonl"
    train(shop(), settings(), watch=JsonLines(path))
    assert events(path) == [
        ("started", 0), ("step", 10), ("epoch", 10), ("step", 20), ("epoch", 20), ("finished", 20)
    ]  # fmt: skip
    last = json.loads(path.read_text().splitlines()[-1])
    assert last["best_epoch"] in (1, 2) and set(last["scores"]) == {"like", "stars", "kind"}


def test_a_resumed_log_repeats_no_step(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"

    class Dies(Mean):
        calls = 0

        def backward(self, *args):
            type(self).calls += 1
            if type(self).calls == 24:
                raise KeyError("power cut")
            return super().backward(*args)

    prepared = shop()
    options = settings(checkpoint_every=5, epochs=3)
    with pytest.raises(KeyError):
        train(prepared, options, Dies, out=tmp_path, watch=JsonLines(path))
    with path.open("a") as file:
        file.write('{"event": "step", "at": 1, "st')  # cut by the power
    train(prepared, options, out=tmp_path, watch=JsonLines(path), resume=True)
    assert [step for event, step in events(path) if event == "step"] == [10, 20, 30]
    assert [step for event, step in events(path) if event == "epoch"] == [10, 20, 30]


def test_a_new_training_starts_a_new_log(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    for _ in range(2):
        train(shop(ratings=100), settings(epochs=1), watch=JsonLines(path))
    assert [event for event, _ in events(path)] == ["started", "epoch", "finished"]


def test_the_board_has_curves(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(shop(), settings(probes=1), watch=TensorBoard(tmp_path))
    board = EventAccumulator(str(tmp_path))
    board.Reload()
    tags = set(board.Tags()["scalars"])
    assert {"loss/like", "weight/stars", "metric/kind", "training/examples_per_second", "cosine/like stars"} <= tags
    assert [event.step for event in board.Scalars("loss/like")] == [10, 20]


def test_lines_are_plain() -> None:
    stream = io.StringIO()
    assert isinstance(terminal("all tasks", stream), Lines)
    train(shop(), settings(finish="per_task", finish_epochs=1), watch=terminal("all tasks", stream))
    lines = stream.getvalue().splitlines()
    assert lines[0].startswith("all tasks: 3 tasks, ") and lines[0].endswith(" parameters on cpu in fp32, at most 2 epochs")
    assert lines[1].startswith("all tasks: epoch 1 of 2: like 0.") and lines[1].endswith("(best)")
    assert lines[3].startswith("all tasks: each of 3 tasks alone, ")
    assert lines[4].startswith("all tasks: alone, epoch 1 of 1: like 0.")
    assert "examples/s, best epoch" in lines[5] and len(lines) == 6
    assert "\x1b" not in stream.getvalue()


def test_long_epochs_say_how_far_they_are() -> None:
    stream = io.StringIO()
    lines = Lines("x", stream)
    lines.started(StartRecord(["a"], 2, 1000, 0, "cpu", "fp32", 10))
    for seconds in (10.0, 31.0, 40.0, 62.0):
        lines.step(StepRecord(int(seconds), 0, {"a": 0.5}, {}, 1000, seconds, 0))
    said = ["x: step 31 of 1,000, 32 examples/s, a 0.5", "x: step 62 of 1,000, 16 examples/s, a 0.5"]
    assert stream.getvalue().splitlines()[1:] == said


def test_a_bar_on_a_terminal() -> None:
    stream = Terminal()
    watch = terminal("all tasks", stream)
    assert isinstance(watch, Bar)
    train(shop(), settings(), watch=watch)
    text = stream.getvalue()
    assert "epoch 2 of 2" in text and "examples/s" in text


def test_a_bar_closes_when_training_breaks() -> None:
    from support.prepared import shop as make

    prepared = make(ratings=100)
    prepared.tables["ratings"].labels["stars"][:] = float("inf")
    prepared.tables["ratings"].labels["stars"][0] = float("nan")
    stream = Terminal()
    with pytest.raises(DivergedError):
        train(prepared, settings(max_skips=2), watch=terminal("x", stream))
    assert stream.getvalue().endswith(("\x1b[?25h", "\n", "\x1b[2K"))


def test_many_tasks_do_not_fill_the_line() -> None:
    stream = io.StringIO()
    lines = Lines("x", stream)
    lines.epoch(EpochRecord(1, 5, {}, {f"t{number}": 0.123456 for number in range(9)}, False, 1.0))
    assert stream.getvalue().endswith("t5 0.1235  and 3 more\n")


@pytest.mark.parametrize("watch", [Silent(), Watchers([]), JsonLines(Path("x")), TensorBoard(Path("x"))])
def test_each_is_a_watch(watch: Watch) -> None:
    assert isinstance(watch, Watch)
    watch.close()
