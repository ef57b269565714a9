"""How many requests may wait: beyond that the answer is 429 at once, so that those inside stay quick."""

from __future__ import annotations

from typing import final

from plait.errors import PlaitError

__all__ = ["Admission", "Busy"]


@final
class Busy(PlaitError):
    """A request waited past its deadline and was not begun, or the service ends; the answer is 429."""

    def __init__(self) -> None:
        super().__init__("The service is busy and did not come to this request in time. Ask again in a second.")


@final
class Admission:
    """Counts who is inside.

    Args:
        most: how many may be inside, waiting or being answered.

    Attributes:
        inside: how many are.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.inside = 0

    @property
    def full(self) -> bool:
        """Whether the next one must come again later."""
        return self.inside >= self.most
