"""Every built-in balancer through the shipped suite."""

import pytest

from plait.balance import AnyBalance, Balancer, build_balancer
from plait.testing import BalancerContract
from support.methods import BALANCERS, NAMES, kinds, label


class TestEveryBalancer(BalancerContract):
    @pytest.fixture(autouse=True, params=BALANCERS, ids=lambda one: label(one.settings))
    def _one(self, request: pytest.FixtureRequest) -> None:
        self.settings = request.param.settings
        self.symmetric, self.scale_free = request.param.symmetric, request.param.scale_free

    def build(self, tasks: int) -> Balancer:
        return build_balancer(self.settings, NAMES[:tasks], [1.0] * tasks)


def test_none_is_left_out() -> None:
    assert {one.settings.kind for one in BALANCERS} == kinds(AnyBalance)
