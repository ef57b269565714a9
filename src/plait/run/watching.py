"""Who hears how a training goes: the log, TensorBoard, and the person at the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from plait.data.files import file_name
from plait.train.terminal import terminal
from plait.train.tensorboard import TensorBoard
from plait.train.watch import JsonLines, Watch, Watchers

__all__ = ["watching"]


@contextmanager
def watching(folder: Path, task: str | None) -> Iterator[Watch]:
    """Open the watchers of one training of a run.

    Args:
        folder: the run.
        task: the task that is trained alone; none for the joint training.
    """
    name = "joint" if task is None else f"alone-{file_name(task)}"
    log = folder / "log.jsonl" if task is None else folder / "alone" / f"{file_name(task)}.jsonl"
    watch = Watchers([JsonLines(log), TensorBoard(folder / "tensorboard" / name), terminal("all tasks" if task is None else f"{task} alone")])
    try:
        yield watch
    finally:
        watch.close()
