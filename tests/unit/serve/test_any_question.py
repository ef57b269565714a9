"""Whatever is asked, within what the description allows and outside of it, the service answers and never breaks."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.generation import GenerationMode

if TYPE_CHECKING:
    from fastapi import FastAPI

    from plait.run.run import Run


@pytest.fixture(scope="module")
def app(films_run: Run, tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    from plait.experiment import EventStore
    from plait.export.bundle import load_bundle
    from plait.serve.browse import Browse
    from plait.serve.http.app import create_app
    from plait.serve.http.desk import Desk
    from plait.serve.service import Service

    bundle = load_bundle(films_run.folder)
    store = EventStore(tmp_path_factory.mktemp("events") / "events.db")
    return create_app(Browse(bundle.run), Service(bundle, store), Desk(store=store))


def asked_all(app: FastAPI, examples: int) -> int:
    """Ask every route so many questions of either kind, and return how many that were."""
    count = 0
    for found in schemathesis.openapi.from_asgi("/openapi.json", app).get_all_operations():
        operation = found.ok()
        modes = [GenerationMode.POSITIVE]
        if operation.body or operation.query or operation.path_parameters:
            modes.append(GenerationMode.NEGATIVE)
        for mode in modes:

            @settings(
                max_examples=examples,
                deadline=None,
                database=None,
                derandomize=True,
                suppress_health_check=list(HealthCheck),
                phases=[Phase.generate],
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def ask(case: schemathesis.Case) -> None:
                nonlocal count
                answer = case.call()
                count += 1
                assert answer.status_code < 500, f"{case.method} {case.path} {case.body!r}: {answer.text}"

            with suppress(Unsatisfiable):  # nothing is outside of what some routes allow
                ask()
    return count


def test_no_question_breaks_the_service(app: FastAPI) -> None:
    assert asked_all(app, 3) > 75


@pytest.mark.soak
def test_no_question_of_twenty_thousand_breaks_the_service(app: FastAPI) -> None:
    assert asked_all(app, 600) > 20_000


def test_a_service_that_breaks_is_noticed() -> None:
    """The negative control: a route that breaks at some questions is found."""
    from fastapi import FastAPI

    broken = FastAPI()

    @broken.get("/half")
    def half(number: int) -> int:
        return 1 // (number % 2)

    with pytest.raises(Exception, match="ZeroDivisionError|division|500"):
        asked_all(broken, 50)
