"""New items, kept before they are acknowledged: whoever starts later offers them too."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from plait.errors import StoreError
from plait.experiment import Item
from plait.serve.ask.events import Events

__all__ = ["keeping"]


@contextmanager
def keeping(events: Events | None, table: str, ids: Sequence[str], rows: Sequence[dict[str, object]]) -> Iterator[bool]:
    """Keep items while they are added, and take them back where they cannot be.

    Args:
        events: the store; without one nothing is kept.
        table: the table of the items.
        ids: of the items.
        rows: their columns, as they were sent.

    Yields:
        Whether they are on the disk.

    Raises:
        StoreError: the store is busy or gone, and nothing was kept.
        DataError: one of them is kept already, or cannot be kept as it is.
    """
    if events is None:
        yield False
        return
    now = time.time()
    events.keep_items([Item(table, name, row, now) for name, row in zip(ids, rows, strict=True)])
    try:
        yield True
    except BaseException:
        # If not even this can be written, the next start finds them again, and refuses them for the same reason.
        with suppress(StoreError):
            events.drop_items(table, list(ids))
        raise
