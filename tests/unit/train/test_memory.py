import os
import resource

import pytest
import torch

from plait.train.memory import kept_memory

_PAGES = (12 << 20) // resource.getpagesize()
_GLIBC = "CS_GNU_LIBC_VERSION" in getattr(os, "confstr_names", {})


def _faults(times: int) -> int:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        blocks = [torch.ones(3 << 20) for _ in range(3)]
        del blocks
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(not _GLIBC, reason="only glibc is told to keep memory")
def test_what_is_freed_is_not_mapped_anew() -> None:
    with kept_memory():
        _faults(3)
        assert _faults(10) < 3 * _PAGES
    with kept_memory():
        pass


def test_it_is_given_back_after_an_error() -> None:
    with pytest.raises(ValueError, match="here"), kept_memory():
        raise ValueError("here")
