"""What an ONNX graph may hold is listed once for all graphs of the tests.

The exporter lists it anew for every graph, which takes a second: a third of the time of all bundles together.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def listed_once() -> Iterator[None]:
    """Hold it for the folder or file that imports this."""
    from torch.onnx._internal.exporter._registration import ONNXRegistry

    listed = ONNXRegistry.from_torchlib
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ONNXRegistry, "from_torchlib", staticmethod(functools.cache(listed)))  # it is asked of an object too
        yield
