"""Guesses what tables never seen before hold: ids, keys, times, kinds of columns, likely tasks."""

from __future__ import annotations

from plait.data.infer_features import infer_features

__all__ = ["infer_features"]
