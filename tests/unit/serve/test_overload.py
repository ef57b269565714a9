"""More is asked than can be answered: those let in are as quick as at capacity, the rest told to come again (S1)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from bench.load import Load, closed, offered, post

if TYPE_CHECKING:
    from plait.run.run import Run

QUEUE = 8
ASKED = [post("/v1/recommend", {"user": str(user), "count": 5}) for user in range(2, 30)]


@dataclass(frozen=True)
class Measured:
    """What a service did at capacity, under overload, and after it."""

    capacity: Load
    over: dict[float, Load]
    after: Load

    def faults(self, goodput: float) -> list[str]:
        """Say what of the promise does not hold."""
        found = []
        able, quick = self.capacity.per_second(), self.capacity.quantile(0.99)
        for times, load in self.over.items():
            statuses = load.statuses()
            if not set(statuses) <= {200, 429}:
                found.append(f"{times} C: other answers than 200 and 429: {statuses}")
            if not all(answer.retry for answer in load.of(429)):
                found.append(f"{times} C: a 429 without Retry-After")
            # The queue is full at capacity too, so that who is let in waits no longer; 2 is for the machine's other work.
            if load.quantile(0.99) > 2 * quick + 0.05:
                found.append(f"{times} C: p99 of the accepted {load.quantile(0.99):.3f} s, at capacity {quick:.3f} s")
            if load.per_second() < goodput * min(times, 1.0) * able:
                found.append(f"{times} C: {load.per_second():.0f} a second answered, of {able:.0f} at capacity")
        if self.after.statuses().keys() != {200}:
            found.append(f"after: {self.after.statuses()}")
        if self.after.quantile(0.99) > 2 * quick + 0.05:
            found.append(f"after: p99 {self.after.quantile(0.99):.3f} s, at capacity {quick:.3f} s")
        return found


def measured(address: str, times: tuple[float, ...], seconds: float) -> Measured:
    """Measure the capacity with a full queue, offer multiples of it, and ask calmly right after."""
    closed(address, ASKED, 2, 0.2)
    capacity = closed(address, ASKED, QUEUE, seconds)
    over = {one: offered(address, ASKED, one * capacity.per_second(), seconds) for one in times}
    return Measured(capacity, over, closed(address, ASKED, 1, seconds / 2))


def test_five_times_the_capacity(films_run: Run, tmp_path: Path) -> None:
    from plait.serve.http.door import Limits
    from plait.serve.http.worker import Options
    from support.server_thread import answering

    with answering(films_run.folder, tmp_path, Options(limits=Limits(waiting=QUEUE))) as (address, _):
        found = measured(address, (5.0,), 1.0)
    assert found.faults(goodput=0.4) == []
    assert len(found.over[5.0].of(429)) > len(found.over[5.0].of(200))


def test_without_admission_the_check_fails(films_run: Run, tmp_path: Path) -> None:
    """The negative control: with everybody let in, everybody waits."""
    from plait.serve.http.door import Limits
    from plait.serve.http.worker import Options
    from support.server_thread import answering

    limits = Limits(waiting=100_000, patience=1_000.0)
    with answering(films_run.folder, tmp_path, Options(limits=limits)) as (address, _):
        found = measured(address, (4.0,), 0.7)
    assert found.over[4.0].statuses().keys() == {200}
    assert any("p99 of the accepted" in fault for fault in found.faults(goodput=0.4))


@pytest.mark.soak
def test_twice_and_five_times_the_capacity_of_a_process(films_run: Run) -> None:
    from support.served import served

    with served(films_run.folder, "--queue", str(QUEUE)) as service:
        found = measured(service.address, (0.7, 2.0, 5.0), 20.0)
        code, errors = service.end()
    for times, load in found.over.items():
        share = load.per_second() / found.capacity.per_second()
        print(f"{times} C: {load.statuses()}, {share:.2f} C answered, sent late {load.late():.4f} s")
        print(f"  p99 {load.quantile(0.99):.4f} s, of 429 {load.quantile(0.99, 429):.4f} s")
    assert (code, errors) == (0, "")
    # The capacity of a shared machine swings while it is measured.
    assert len(found.over[0.7].of(200)) >= 0.99 * len(found.over[0.7].answers)
    assert found.faults(goodput=0.9) == []
    assert found.over[5.0].quantile(0.99, 429) < 0.05
