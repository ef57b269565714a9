"""The small shop as a service, with and without a store of events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from plait.export.bundle import Bundle
    from plait.run.run import Run
    from plait.serve.service import Service


@pytest.fixture(scope="session")
def films_bundle(films_run: Run) -> Bundle:
    from plait.export.bundle import load_bundle

    return load_bundle(films_run.folder)


@pytest.fixture
def service(films_bundle: Bundle) -> Service:
    from plait.serve.ask.stages import Limits
    from plait.serve.service import Service

    return Service(films_bundle, limits=Limits(events=10.0, retrieve=10.0, rank=10.0))  # however busy the machine is


@pytest.fixture
def told(films_bundle: Bundle, tmp_path: Path) -> Iterator[Service]:
    """A service that keeps what users do."""
    from plait.experiment import EventStore
    from plait.serve.service import Service

    store = EventStore(tmp_path / "events.db")
    yield Service(films_bundle, store)
    store.close()
