"""Search among places in a common space, exact or approximate, and among texts by their words."""

from plait.retrieve.base import Found, Search
from plait.retrieve.choose import choose, worn
from plait.retrieve.exact import Exact
from plait.retrieve.growing import Growing
from plait.retrieve.ivf import Cells
from plait.retrieve.refined import Refined

__all__ = ["Cells", "Exact", "Found", "Growing", "Refined", "Search", "choose", "worn"]
