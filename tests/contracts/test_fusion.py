"""Every built-in fusion through the shipped suite."""

from plait.encode.fusion import Attention, Fusion, Gated
from plait.testing import FusionContract


class TestGated(FusionContract):
    def build(self, parts: int, width: int) -> Fusion:
        return Gated(parts, width)


class TestAttention(FusionContract):
    def build(self, parts: int, width: int) -> Fusion:
        return Attention(parts, width, Attention.Settings(heads=2))


class TestTwoLayers(FusionContract):
    def build(self, parts: int, width: int) -> Fusion:
        return Attention(parts, width, Attention.Settings(heads=4, layers=2))


class TestTwoModalities(FusionContract):
    parts = 2

    def build(self, parts: int, width: int) -> Fusion:
        return Gated(parts, width)
