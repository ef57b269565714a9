"""Which model answers: loaded beside, warmed, checked, then one reference is replaced."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Generic, TypeVar, final

from plait.errors import PlaitError, RunError
from plait.export.bundle import Bundle
from plait.serve.deploy.board import Board, Wanted
from plait.serve.deploy.gate import ALLOWED, faults, finite

__all__ = ["Deployed", "Live", "Observer", "Refused", "State"]

Service = TypeVar("Service")
_POLL: Final = 0.05
_ALL: Final = 120.0


@final
class Refused(PlaitError):
    """A model may not be put in place.

    Args:
        faults: why, each a sentence.
    """

    def __init__(self, faults: list[str]) -> None:
        super().__init__("The model was not put in place. " + " ".join(faults))
        self.faults = faults


@final
@dataclass(frozen=True, slots=True)
class Deployed(Generic[Service]):
    """A model that is loaded.

    Attributes:
        folder: its run or bundle.
        bundle: what was loaded.
        service: what answers with it.
    """

    folder: Path
    bundle: Bundle
    service: Service


@dataclass(frozen=True, slots=True)
class State:
    """Which models there are.

    Attributes:
        version: of the model in place.
        previous: of the one before it, to roll back to.
        shadow: of the one that answers unseen.
        share: share of the requests that the shadow answers too.
        workers: how many workers answer so already, of how many.
    """

    version: str
    previous: str | None
    shadow: str | None
    share: float
    workers: tuple[int, int]


class Observer:
    """Hears what becomes of models; a service overrides what it wants to know."""

    def swapped(self, outcome: str) -> None:
        """Hear that a model was `promoted`, `refused` or `rolled_back`."""

    def answering(self, version: str, before: str | None) -> None:
        """Hear which model is in place now in this process."""

    def problem(self, what: str, error: str) -> None:
        """Hear that this process could not follow a change."""


@final
class Live(Generic[Service]):
    """The model in place in one worker, which follows what is wanted of all of them.

    Args:
        build: makes a service of a loaded model.
        load: loads a folder, every file compared with its SHA-256.
        board: where all workers look.
        formulate: makes a service combine the tasks' scores in another way.
        observer: hears what happens.
        allowed: how much worse a figure of a new model may be, relative to the one in place.

    Attributes:
        current: the model in place; a request takes it once and answers with that one alone.
        previous: the one before.
        shadow: the one in the shadow, and its share.
    """

    def __init__(
        self,
        build: Callable[[Path, Bundle], Service],
        load: Callable[[Path], Bundle],
        board: Board,
        formulate: Callable[[Service, str], object],
        observer: Observer,
        allowed: float = ALLOWED,
    ) -> None:
        self._build = build
        self._load = load
        self._board = board
        self._formulate = formulate
        self._observer = observer
        self._allowed = allowed
        self._number = 0
        self._changing = threading.RLock()
        self._ended = threading.Event()
        self.current: Deployed[Service] | None = None
        self.previous: Deployed[Service] | None = None
        self.shadow: tuple[Deployed[Service], float] | None = None

    def start(self, folder: Path) -> None:
        """Put the first model in place, warmed, and follow the board from now on.

        Raises:
            PlaitError: it cannot be loaded.
        """
        wanted = self._board.read()
        first = self._loaded(folder if wanted is None else Path(wanted.live))
        wrong = finite(first.bundle)
        if wrong:
            raise Refused(wrong)
        self.current = first
        self._observer.answering(first.bundle.version, None)
        if wanted is not None:
            self._follow(wanted)
        self._board.arrive(self._number)
        threading.Thread(target=self._watch, name="plait-board", daemon=True).start()

    def end(self) -> None:
        """Follow the board no longer."""
        self._ended.set()

    def state(self) -> State:
        """Say which models there are."""
        with self._changing:
            current, previous, shadow = self._in_place(), self.previous, self.shadow
            return State(
                version=current.bundle.version,
                previous=None if previous is None else previous.bundle.version,
                shadow=None if shadow is None else shadow[0].bundle.version,
                share=0.0 if shadow is None else shadow[1],
                workers=self._board.wait(self._number, 0.0),
            )

    def promote(self, folder: Path) -> State:
        """Put another model in place in all workers, if it passes the gate.

        Raises:
            Refused: it does not pass.
            PlaitError: it cannot be loaded.
        """
        with self._board.changing(), self._changing:
            current = self._in_place()
            try:
                candidate = self._loaded(folder)
                wrong = faults(candidate.bundle, candidate.folder, current.bundle, self._allowed)
                if wrong:
                    raise Refused(wrong)
            except PlaitError:
                self._observer.swapped("refused")
                raise
            wanted = self._board.post(self._wanting(candidate))
            self._put(candidate)
            self._arrived(wanted)
            self._observer.swapped("promoted")
        return self._everywhere(wanted)

    def roll_back(self) -> State:
        """Put the model before in place again in all workers.

        Raises:
            RunError: there is none.
        """
        with self._board.changing(), self._changing:
            previous = self.previous
            if previous is None:
                raise RunError("There should be a model that was in place before. Found none: this one is the first.")
            wanted = self._board.post(self._wanting(previous))
            self._put(previous)
            self._arrived(wanted)
            self._observer.swapped("rolled_back")
        return self._everywhere(wanted)

    def reformulate(self, formula: str) -> State:
        """Combine the tasks' scores in another way in all workers, until another model comes.

        Raises:
            RecipeError: it cannot be read, or names what there is not; nothing is changed.
        """
        with self._board.changing(), self._changing:
            self._formulate(self._in_place().service, formula)
            wanted = self._board.post(replace(self._wanted(), formula=formula))
            self._arrived(wanted)
        return self._everywhere(wanted)

    def cast_shadow(self, folder: Path | None, share: float) -> State:
        """Let another model answer a share of the requests unseen, or none.

        Raises:
            PlaitError: it cannot be loaded.
        """
        with self._board.changing(), self._changing:
            shadow = None if folder is None else str(folder.resolve())
            # Loaded here first: what cannot be loaded is not wanted of anybody.
            self._shade(shadow, share)
            wanted = self._board.post(replace(self._wanted(), shadow=shadow, share=share if shadow else 0.0))
            self._arrived(wanted)
        return self._everywhere(wanted)

    def _in_place(self) -> Deployed[Service]:
        if self.current is None:
            raise RunError("The model is still being loaded. Ask again in a second.")
        return self.current

    def _wanted(self) -> Wanted:
        current = self._in_place()
        return self._board.read() or Wanted(str(current.folder), current.bundle.version)

    def _wanting(self, new: Deployed[Service]) -> Wanted:
        # A formula is of the tasks of one model.
        return replace(self._wanted(), live=str(new.folder), version=new.bundle.version, formula=None)

    def _loaded(self, folder: Path) -> Deployed[Service]:
        folder = folder.resolve()
        bundle = self._load(folder)
        return Deployed(folder, bundle, self._build(folder, bundle))

    def _put(self, new: Deployed[Service]) -> None:
        """Replace the one reference that requests take."""
        before, self.current = self.current, new
        self.previous = before
        self._observer.answering(new.bundle.version, None if before is None else before.bundle.version)

    def _arrived(self, wanted: Wanted) -> None:
        self._number = wanted.number
        self._board.arrive(wanted.number)

    def _everywhere(self, wanted: Wanted) -> State:
        """Wait for the other workers without holding anything."""
        self._board.wait(wanted.number, _ALL)
        return self.state()

    def _watch(self) -> None:
        while not self._ended.wait(_POLL):
            wanted = self._board.read()
            if wanted is None or wanted.number <= self._number:
                continue
            try:
                self._follow(wanted)
            except (PlaitError, OSError) as error:
                # The other workers stay asked; this one tries again and answers with what it has.
                self._observer.problem("follow", type(error).__name__)
                time.sleep(1.0)

    def _follow(self, wanted: Wanted) -> None:
        """Do what another worker's operator wanted; it was checked there."""
        with self._changing:
            if wanted.number <= self._number:
                return
            current, previous = self._in_place(), self.previous
            if wanted.version != current.bundle.version:
                if previous is not None and previous.bundle.version == wanted.version:
                    new = previous
                else:
                    new = self._loaded(Path(wanted.live))
                    wrong = finite(new.bundle)
                    if wrong:
                        raise Refused(wrong)
                self._put(new)
            if wanted.formula is not None:
                self._formulate(self._in_place().service, wanted.formula)
            self._shade(wanted.shadow, wanted.share)
            self._arrived(wanted)

    def _shade(self, folder: str | None, share: float) -> None:
        if folder is None:
            self.shadow = None
            return
        shadow = self.shadow
        if shadow is None or shadow[0].folder != Path(folder):
            new = self._loaded(Path(folder))
            wrong = finite(new.bundle)
            if wrong:
                raise Refused(wrong)
            self.shadow = new, share
        else:
            self.shadow = shadow[0], share
