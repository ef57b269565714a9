"""Who hears how a training goes: the log, TensorBoard, and the person at the terminal."""

from __future__ import annotations

from pathlib import Path

from plait.data.files import file_name
from plait.train.watch import JsonLines, Watch, Watchers
from plait.train.watch_board import TensorBoard
from plait.train.watch_terminal import terminal

__all__ = ["watching"]


def watching(folder: Path, task: str | None) -> Watch:
    """Return the watchers of one training of a run.

    Args:
        folder: the run.
        task: the task that is trained alone; none for the joint training.
    """
    if task is None:
        log, board, what = folder / "log.jsonl", folder / "tensorboard" / "joint", "all tasks"
    else:
        name = file_name(task)
        log, board, what = folder / "alone" / f"{name}.jsonl", folder / "tensorboard" / f"alone-{name}", f"{task} alone"
    return Watchers([JsonLines(log), TensorBoard(board), terminal(what)])
