"""Guesses what tables never seen before hold."""

from plait.data.infer.features import infer_features
from plait.data.infer.folder import infer
from plait.data.infer.guess import Guess

__all__ = ["Guess", "infer", "infer_features"]
