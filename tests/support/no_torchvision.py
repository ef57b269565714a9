"""Lets timm be imported where there is no torchvision: its models use none of it, only its transforms do."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
import types
from unittest.mock import MagicMock

import torch

__all__ = ["stand_in"]


class _StandIn(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name: str, path: object, target: object = None) -> importlib.machinery.ModuleSpec | None:
        own = name.partition(".")[0] == "torchvision"
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if own else None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        module = MagicMock(name=spec.name)
        module.__path__, module.__spec__, module.__name__ = [], spec, spec.name
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        if module.__name__ == "torchvision.ops.misc":
            module.FrozenBatchNorm2d = type("FrozenBatchNorm2d", (torch.nn.Module,), {})


def stand_in() -> None:
    """Answer for torchvision from now on."""
    sys.meta_path.insert(0, _StandIn())
