"""What the service counts, in the format of Prometheus; several processes' counts add up.

The client library of Prometheus is used rather than a memory map of our own: in its mode for many processes each worker
writes its counts to files that any worker sums up when it is asked, and the counts of a worker that died stay in the sum.
"""

from __future__ import annotations

import os
from typing import Final, final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

__all__ = ["MANY", "Metrics"]

MANY: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that names the folder of the counts; it must be set before the library is imported."""

_BUCKETS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_MOST_REASONS: Final = 40


@final
class Metrics:
    """Counters of one process.

    Attributes:
        TYPE: content type of what `text` returns.
    """

    TYPE = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(self) -> None:
        self._many = MANY in os.environ
        self._registry = CollectorRegistry()
        r = self._registry
        self._requests = Counter("plait_requests", "Requests answered.", ["route", "method", "status"], registry=r)
        self._seconds = Histogram("plait_request_seconds", "Time to answer.", ["route"], buckets=_BUCKETS, registry=r)
        self._stages = Histogram("plait_stage_seconds", "Time of a stage.", ["stage"], buckets=_BUCKETS, registry=r)
        self._degraded = Counter("plait_degraded", "Answers that did without something.", ["reason"], registry=r)
        self._refused = Counter("plait_refused", "Requests refused at the door.", ["why"], registry=r)
        self._inside = Gauge("plait_inside", "Requests waiting or being answered.", multiprocess_mode="livesum", registry=r)
        self._events = Counter("plait_events", "Events kept.", ["kept"], registry=r)
        self._swaps = Counter("plait_swaps", "Models put in place, refused or rolled back.", ["outcome"], registry=r)
        self._model = Gauge(
            "plait_model", "Workers that answer with a model.", ["version"], multiprocess_mode="livesum", registry=r
        )
        self._shadow = Counter("plait_shadow", "Requests the shadow model answered too.", ["outcome"], registry=r)
        self._overlap = Histogram(
            "plait_shadow_overlap",
            "Share of a list that the shadow model shows too.",
            buckets=(0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0),
            registry=r,
        )
        self._gap = Histogram(
            "plait_shadow_difference",
            "Largest difference of a prediction from the shadow model's.",
            buckets=(1e-6, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0),
            registry=r,
        )
        self._reasons: set[str] = set()

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count an answer."""
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def refused(self, why: str) -> None:
        """Count one that was refused at the door."""
        self._refused.labels(why).inc()

    def inside(self, change: int) -> None:
        """Count who comes in or leaves."""
        self._inside.inc(change)

    def answer(self, took: dict[str, float], degraded: list[str]) -> None:
        """Count what an answer says of itself.

        Args:
            took: stage -> milliseconds.
            degraded: reasons.
        """
        for stage, ms in took.items():
            self._stages.labels(self._known(stage)).observe(ms / 1000)
        for reason in degraded:
            self._degraded.labels(self._known(reason)).inc()

    def events(self, new: int, repeated: int) -> None:
        """Count events that were kept."""
        self._events.labels("new").inc(new)
        self._events.labels("repeated").inc(repeated)

    def swapped(self, outcome: str) -> None:
        """Count what became of a model that was to be put in place."""
        self._swaps.labels(outcome).inc()

    def answering(self, version: str, before: str | None) -> None:
        """Say which model answers now."""
        if before is not None:
            self._model.labels(before[:12]).set(0)
        self._model.labels(version[:12]).set(1)

    def shadowed(self, outcome: str, overlap: float | None = None, difference: float | None = None) -> None:
        """Count how a shadow model's answer differs."""
        self._shadow.labels(outcome).inc()
        if overlap is not None:
            self._overlap.observe(overlap)
        if difference is not None:
            self._gap.observe(difference)

    def text(self) -> bytes:
        """Write all counts, those of the other processes included."""
        registry = self._registry
        if self._many:
            registry = CollectorRegistry()
            registry.register(MultiProcessCollector(None))  # type: ignore[no-untyped-call]
        return generate_latest(registry)

    def _known(self, label: str) -> str:
        """Keep the number of labels small, whatever is said."""
        if label not in self._reasons:
            if len(self._reasons) >= _MOST_REASONS:
                return "other"
            self._reasons.add(label)
        return label
