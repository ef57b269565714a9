"""A process that starts writers of events to be killed: `python writing_events.py STORE`.

For each line on stdin it forks one writer, which opens the store, keeps events from four threads at once, each event twice,
and writes the key of each event on stdout after it was acknowledged. Before that it writes its process id.
"""

from __future__ import annotations

import itertools
import os
import sys
import threading


def write(store: str, name: str) -> None:
    """Keep events until killed."""
    from plait.experiment import Event, EventStore

    kept = EventStore(store)

    def one(thread: int) -> None:
        for number in itertools.count():
            event = Event(f"{name}-{thread}-{number}", f"user {thread}", f"item {number}", "click", 1.0, float(number))
            for _ in range(2):
                kept.record([event])
                os.write(1, f"{event.key}\n".encode())

    threads = [threading.Thread(target=one, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main() -> None:
    """Fork a writer for each line."""
    import plait.experiment  # noqa: F401  read once, not by each writer

    store = sys.argv[1]
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os.write(1, f"pid {os.getpid()}\n".encode())
            write(store, line.strip())
        os.waitpid(child, 0)
        os.write(1, b"gone\n")


if __name__ == "__main__":
    main()
