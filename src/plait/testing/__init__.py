"""Contract suites for those who write a part of their own: inherit, say how it is built, and pytest runs the rest.

    from plait.testing import SharingContract

    class TestMine(SharingContract):
        def build(self, width_in: int, tasks: int) -> Sharing:
            return Mine(width_in, tasks)

All built-in parts pass the same suites.
"""

from plait.testing.backends import BackendContract
from plait.testing.balancers import BalancerContract
from plait.testing.fusion import FusionContract
from plait.testing.heads import HeadContract, TwoTowerContract
from plait.testing.relations import RelationContract
from plait.testing.searches import SearchContract
from plait.testing.sharing import SharingContract
from plait.testing.tokens import TokenHeadContract

__all__ = [
    "BackendContract",
    "BalancerContract",
    "FusionContract",
    "HeadContract",
    "RelationContract",
    "SearchContract",
    "SharingContract",
    "TokenHeadContract",
    "TwoTowerContract",
]
