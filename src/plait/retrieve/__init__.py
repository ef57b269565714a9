"""Search among places in a common space, exact or approximate, behind one interface."""

from plait.retrieve.base import Found, Search
from plait.retrieve.exact import Exact

__all__ = ["Exact", "Found", "Search"]
