"""Weights that follow a signal from outside while the training runs."""

import json
import warnings
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, final

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor

from plait.balance.base import Balancer, BalanceSettings
from plait.balance.losses.weights import Scalarised
from plait.balance.shares import shares
from plait.errors import RecipeError, nearest

__all__ = ["Feedback"]

_LARGEST = 2**63 - 1
_SHOWN = 40
_MOST = 1e9
"""The most a wish may be: beyond, weights of single precision would be no numbers, and a ratio as large means no more."""


@final
class Feedback(Scalarised):
    """Follow weights that somebody else sets: what live users do, an experiment, a person.

    The wish v_t of each task, 1 at the start, comes from a small JSON file of task -> number, or from `feed`. In every step

        w_t <- s w_t + (1 - s) max(floor, v_t)

    and w is divided by its mean; the loss is the mean of w_t L_t over the tasks present.

    The file is looked at every `every` steps and read when it is another one than before, by its time, size and number on
    the disk. Write it beside and rename it into place, so that it is never seen half written. A task that it does not name
    keeps its wish. A file that cannot be used changes nothing and is warned of once; so is a task that does not exist.

    Wishes, weights and which file was read are in checkpoints: a run that is taken up goes on with the weights it had. Two
    runs of one recipe are the same where they hear the same at the same steps.

    Args:
        weights: the recipe's weight of each task.
        names: the tasks.
        settings: where the signal is, and how it is followed.

    References:
        None: the signal is yours. Normalised and smoothed as the learned weights of
        Liu et al.: End-to-End Multi-Task Learning with Attention, CVPR 2019, https://arxiv.org/abs/1803.10704, are.

    Relations:
        `fixed` where the weights are known before; `validation` where the signal is the validation part.
    """

    class Settings(BalanceSettings):
        """Weights that follow a file, or `feed`, while the training runs."""

        kind: Literal["feedback"] = "feedback"
        file: str | None = None
        """JSON file of task -> number, relative to the working folder; only `feed` where not said."""
        every: int = Field(default=20, ge=1)
        """Steps between two looks at the file."""
        smoothing: float = Field(default=0.9, ge=0, lt=1)
        """Share of the old weights that is kept in each step."""
        floor: float = Field(default=0.05, ge=0)
        """The least a wish counts."""

        def build(self, names: Sequence[str], weights: Sequence[float]) -> Balancer:
            """Build the balancer."""
            return Feedback(weights, names, self)

    wish: Tensor
    current: Tensor
    steps: Tensor
    stamp: Tensor

    def __init__(self, weights: Sequence[float], names: Sequence[str], settings: Settings) -> None:
        super().__init__(weights)
        self._settings, self._names = settings, list(names)
        self._file = None if settings.file is None else Path(settings.file)
        self._warned = False
        self._fed: deque[dict[str, float]] = deque()
        self._step: int | None = None
        self.register_buffer("wish", torch.ones(len(weights)))
        self.register_buffer("current", torch.ones(len(weights)))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.register_buffer("stamp", torch.zeros(3, dtype=torch.int64))

    def feed(self, wishes: Mapping[str, float]) -> None:
        """Set the wishes of some tasks; they count from the next step on. May be called from another thread.

        Raises:
            RecipeError: a name is no task's, or a number is below 0, above 1e9 or not finite.
        """
        problem = self._problem(dict(wishes))
        if problem is not None:
            raise RecipeError(f"`feed` should get numbers of tasks. {problem}")
        self._fed.append(dict(wishes))

    def before_step(self, done: float) -> None:
        """Look at the file when it is time to, and move towards the wishes."""
        if self._step is None:  # the buffers may have come out of a checkpoint
            self._step = int(self.steps)
        if self._file is not None and self._step % self._settings.every == 0:
            self._look(self._file)
        self._step += 1
        self.steps += 1
        while self._fed:
            fed = self._fed.popleft()
            wishes = zip(self._names, self.wish.tolist(), strict=True)
            self.wish.copy_(torch.tensor([float(fed.get(name, old)) for name, old in wishes]))
        self.current.lerp_(self.wish.clamp(min=self._settings.floor), 1 - self._settings.smoothing)

    def weigh(self, losses: Float[Tensor, "T"], present: Bool[Tensor, "T"]) -> Float[Tensor, "T"]:
        """Return the weights of this step."""
        return shares(self.current, present)

    def _look(self, file: Path) -> None:
        """Take over the wishes of the file where it is a new one."""
        try:
            about = file.stat()
            stamp = torch.tensor([about.st_mtime_ns, about.st_size, about.st_ino & _LARGEST], device=self.stamp.device)
            if torch.equal(stamp, self.stamp):
                return
            self.stamp.copy_(stamp)
            found = json.loads(file.read_text(encoding="utf-8"))
            problem = self._problem(found)
        except FileNotFoundError:
            # Whoever gives the signal may begin later than the training.
            return
        except (OSError, ValueError, RecursionError) as error:
            found, problem = {}, f"Found: {error}"
        if problem is None:
            self._warned = False
            self._fed.appendleft(found)
        elif not self._warned:
            self._warned = True
            warnings.warn(
                f"`{file}` should hold a number from 0 to {_MOST:g} for tasks of this run. {problem} "
                "The weights stay as they were.",
                stacklevel=2,
            )

    def _problem(self, found: object) -> str | None:
        """Say why something cannot be wishes; None where it can."""
        if not isinstance(found, dict):
            return f"Found {type(found).__name__}."
        for name, value in found.items():
            if name not in self._names:
                return f"Found `{name}`.{nearest(str(name), self._names)}"
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MOST:
                return f"Found {_short(value)} for `{name}`."
        return None


def _short(value: object) -> str:
    """Write a value for a message; a number may have thousands of digits."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
