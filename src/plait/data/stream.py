"""Ordered work ahead of the one who waits for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["ahead"]

A = TypeVar("A")
B = TypeVar("B")


def ahead(work: Callable[[A], B], items: Iterable[A], workers: int) -> Iterator[B]:
    """Yield `work(item)` for every item, in order, with `workers` threads working ahead.

    Threads are enough: gathering is one call into torch, which lets other threads run. What is yielded does not depend on
    the number of workers as long as `work` is a pure function. An error in `work` is raised where its result would come.

    Args:
        work: called once per item.
        items: what to work on.
        workers: threads; with none the work is done by the caller. As many results again are kept ready.
    """
    if workers == 0:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(workers, thread_name_prefix="plait-batches") as pool:
        waiting: deque[Future[B]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
