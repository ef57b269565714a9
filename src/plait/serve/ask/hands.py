"""Threads that wait for work, as many as are wanted at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Final, final

import torch

__all__ = ["Hands", "Work"]

Work = Callable[[], Callable[[], object]]
"""What is done, and returns what is done once its thread can take other work: whoever is told then finds it free."""

_REST: Final = 10.0
"""Seconds without work after which a thread ends; else those of models that answer no longer would stay for ever."""


@final
class Hands:
    """Threads that do what they are given, without gradients; whoever was the last to rest is the first to be asked."""

    def __init__(self) -> None:
        self._idle: list[SimpleQueue[Work]] = []
        self._lock = threading.Lock()

    def give(self, work: Work) -> None:
        """Have something done, beside whatever is done already."""
        self._hand().put(work)

    def _hand(self) -> SimpleQueue[Work]:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        hand: SimpleQueue[Work] = SimpleQueue()
        threading.Thread(target=self._serve, args=(hand,), name="plait-answer", daemon=True).start()
        return hand

    def _serve(self, hand: SimpleQueue[Work]) -> None:
        with torch.no_grad():
            while True:
                try:
                    work = hand.get(timeout=_REST)
                except Empty:
                    with self._lock:
                        if hand not in self._idle:
                            # Somebody has just taken it, and will put work into it.
                            continue
                        self._idle.remove(hand)
                    return
                tell = work()
                with self._lock:
                    self._idle.append(hand)
                tell()
                del work, tell
