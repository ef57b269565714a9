"""Plait: one recipe, many tasks, one model, an honest report."""

__all__ = ["__version__"]

__version__ = "0.1.0"
