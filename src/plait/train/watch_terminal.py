"""Training as a person sees it: a bar with rate and remaining time on a terminal, plain lines otherwise. On stderr."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Final, Protocol, cast, final, runtime_checkable

from plait.train.fitted import Fitted
from plait.train.watch import EpochRecord, StartRecord, StepRecord, Watch

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["Bar", "Lines", "Stream", "terminal"]

_SECONDS_BETWEEN_LINES: Final = 30.0


@runtime_checkable
class Stream(Protocol):
    """Where lines go: what is needed of stderr."""

    def write(self, text: str, /) -> int:
        """As of a text file."""

    def flush(self) -> None:
        """As of a text file."""

    def isatty(self) -> bool:
        """As of a text file."""


def terminal(what: str = "training", stream: Stream | None = None) -> Watch:
    """Return the watch that suits a stream.

    Args:
        what: what is trained, for the line's beginning.
        stream: stderr where not said.
    """
    stream = stream or sys.stderr
    return Bar(what, stream) if stream.isatty() else Lines(what, stream)


@final
class Lines:
    """One line per epoch, and now and then one in between where an epoch takes long.

    Args:
        what: what is trained.
        stream: where the lines go.
    """

    def __init__(self, what: str, stream: Stream) -> None:
        self._what, self._stream = what, stream
        self._steps = self._epochs = 0
        self._said = 0.0

    def started(self, record: StartRecord) -> None:
        """Say how much work it is."""
        self._steps, self._epochs, self._said = record.steps, record.epochs, 0.0
        self._say(_opening(self._what, record))

    def step(self, record: StepRecord) -> None:
        """Say how far it is, where it takes long."""
        if record.seconds - self._said > _SECONDS_BETWEEN_LINES:
            self._said = record.seconds
            rate = record.examples / record.seconds
            self._say(
                f"{self._what}: step {record.step:,} of {self._steps:,}, {rate:,.0f} examples/s, {_pairs(record.losses)}"
            )

    def epoch(self, record: EpochRecord) -> None:
        """Say how the epoch was judged."""
        self._say(f"{self._what}: {_judged(record, self._epochs)}")

    def note(self, text: str) -> None:
        """Say it."""
        self._say(f"{self._what}: {text}")

    def finished(self, fitted: Fitted) -> None:
        """Say what came out."""
        self._say(_closing(self._what, fitted))

    def close(self) -> None:
        """Nothing is open."""

    def _say(self, text: str) -> None:
        print(text, file=self._stream, flush=True)


@final
class Bar:
    """A bar over all steps, with the losses, the rate and the remaining time; epochs as lines above it.

    Args:
        what: what is trained.
        stream: the terminal.
    """

    def __init__(self, what: str, stream: Stream) -> None:
        self._what, self._stream = what, stream
        self._epochs = 0
        self._bar: Progress | None = None

    def started(self, record: StartRecord) -> None:
        """Open the bar."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self.close()
        self._epochs = record.epochs
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[losses]}", style="dim"),
        )
        self._bar = Progress(*columns, console=Console(file=cast("IO[str]", self._stream)), transient=True)
        self._bar.console.print(_opening(self._what, record), highlight=False)
        self._bar.add_task(self._what, total=record.steps, completed=record.step, rate="", losses="")
        self._bar.start()

    def step(self, record: StepRecord) -> None:
        """Move the bar."""
        if self._bar is not None:
            rate = f"{record.examples / record.seconds:,.0f} examples/s" if record.seconds else ""
            task = self._bar.task_ids[0]
            self._bar.update(task, completed=record.step, rate=rate, losses=_pairs(record.losses))

    def epoch(self, record: EpochRecord) -> None:
        """Print the epoch above the bar."""
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=record.step)
            self._bar.console.print(f"  {_judged(record, self._epochs)}", highlight=False)

    def note(self, text: str) -> None:
        """Print it above the bar."""
        if self._bar is not None:
            self._bar.console.print(text, highlight=False)
        else:
            print(text, file=self._stream, flush=True)

    def finished(self, fitted: Fitted) -> None:
        """Close the bar and say what came out."""
        self.close()
        print(_closing(self._what, fitted), file=self._stream, flush=True)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _opening(what: str, record: StartRecord) -> str:
    size = f"{record.parameters:,} parameters on {record.device} in {record.precision}"
    gone = f", going on after step {record.step:,}" if record.step else ""
    tasks = f"{len(record.tasks)} task{'s' if len(record.tasks) > 1 else ''}"
    if record.phase == "finish":
        return f"{what}: each of {tasks} alone, {record.parameters:,} parameters"
    return f"{what}: {tasks}, {size}, at most {record.epochs} epochs{gone}"


def _judged(record: EpochRecord, epochs: int) -> str:
    mark = " (best)" if record.best else ""
    phase = "" if record.phase == "joint" else "alone, "
    return f"{phase}epoch {record.epoch} of {epochs}: {_pairs(record.scores)}{mark}"


def _closing(what: str, fitted: Fitted) -> str:
    skipped = f", {fitted.skipped} steps skipped because a loss or gradient was not finite" if fitted.skipped else ""
    rate = f"{fitted.examples_per_second:,.0f} examples/s"
    return f"{what}: {fitted.seconds:.1f} s, {rate}, best epoch {fitted.best_epoch} of {fitted.epochs}{skipped}"


def _pairs(values: Mapping[str, float]) -> str:
    """Name up to six values; a recipe with more tasks would fill the line."""
    shown = [f"{name} {value:.4g}" for name, value in list(values.items())[:6]]
    return "  ".join(shown) + (f"  and {len(values) - 6} more" if len(values) > 6 else "")
