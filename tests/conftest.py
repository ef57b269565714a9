"""What every test shares.

Plait is never imported at the top of a conftest: the hook that checks shapes (`--jaxtyping-packages` in pyproject.toml)
must be in place before.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.shapes import check_only_shapes

ROOT = Path(__file__).resolve().parents[1]


def pytest_configure(config: pytest.Config) -> None:
    if not os.environ.get("PLAIT_EVERY_TYPE"):
        check_only_shapes()


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data(root: Path) -> Path:
    """Real tables that lie beside the project; the test is skipped where there are none."""
    folder = root.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real tables in {folder}")
    return folder
