"""PASS, WARN or FAIL for everything that can be said of a recipe's tables before training."""

from plait.data.check.checks import check
from plait.data.check.finding import Finding, lines, to_json

__all__ = ["Finding", "check", "lines", "to_json"]
