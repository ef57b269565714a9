"""How a service is doing, read from its own counts, so that it agrees with what Prometheus is told."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from plait.serve.http.desk import Desk
from plait.serve.service import Service
from plait.serve.told import Deployment, Pulse, RouteTold, StageTold

__all__ = ["pulse"]

_STUCK: Final = 20.0
_REFUSED: Final = frozenset({"401", "403", "413", "414", "429"})
"""What is said at the door; other numbers that begin with 4 are answers to what was asked wrongly."""
Labels = Mapping[str, str]


def pulse(desk: Desk, service: Service) -> Pulse:
    """Say how a service is doing.

    Args:
        desk: what the routes of this process share.
        service: the model in place.
    """
    samples: dict[str, list[tuple[Labels, float]]] = defaultdict(list)
    for family in text_string_to_metric_families(desk.metrics.text().decode()):
        for sample in family.samples:
            samples[sample.name].append((sample.labels, sample.value))
    return Pulse(
        ready=desk.lanes.busy_for < _STUCK,
        model=_deployment(desk, service),
        store=_store(desk),
        inside=int(sum(value for _, value in samples["plait_inside"])),
        requests=int(sum(value for _, value in samples["plait_requests_total"])),
        routes=_routes(samples),
        stages=_stages(samples["plait_stage_seconds_bucket"]),
        degraded=_by(samples["plait_degraded_total"], "reason"),
        refused=_by(samples["plait_refused_total"], "why"),
        events=_by(samples["plait_events_total"], "kept"),
        swaps=_by(samples["plait_swaps_total"], "outcome"),
        shadowed=_by(samples["plait_shadow_total"], "outcome"),
    )


def _store(desk: Desk) -> str | None:
    if desk.store is None:
        return None
    return "postgresql" if desk.store.place.startswith("postgresql:") else "sqlite"


def _deployment(desk: Desk, service: Service) -> Deployment:
    if desk.live is None or desk.live.current is None:
        return Deployment(version=service.version, formula=service.formula)
    state = desk.live.state()
    return Deployment(
        version=state.version,
        previous=state.previous,
        shadow=state.shadow,
        share=state.share,
        formula=service.formula,
        answering=state.workers[0],
        workers=state.workers[1],
    )


def _routes(samples: Mapping[str, list[tuple[Labels, float]]]) -> list[RouteTold]:
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for labels, value in samples["plait_requests_total"]:
        found = counts[labels["route"]]
        found[0] += int(value)
        # Who comes while a model is loaded meets no route, and comes again.
        early = labels["status"] == "503" and labels["route"] == "none"
        found[1] += int(value) * (labels["status"].startswith("5") and not early)
        found[2] += int(value) * (labels["status"] in _REFUSED or early)
    buckets = _buckets(samples["plait_request_seconds_bucket"], "route")
    told = [
        RouteTold(
            route=route,
            requests=all_,
            failed=failed,
            refused=refused,
            p50=_quantile(buckets.get(route, {}), 0.5),
            p95=_quantile(buckets.get(route, {}), 0.95),
        )
        for route, (all_, failed, refused) in counts.items()
    ]
    return sorted(told, key=lambda one: (-one.requests, one.route))


def _stages(samples: list[tuple[Labels, float]]) -> list[StageTold]:
    return [
        StageTold(
            stage=stage, count=int(max(found.values(), default=0)), p50=_quantile(found, 0.5), p95=_quantile(found, 0.95)
        )
        for stage, found in _buckets(samples, "stage").items()
    ]


def _by(samples: list[tuple[Labels, float]], label: str) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for labels, value in samples:
        found[labels[label]] += int(value)
    return dict(found)


def _buckets(samples: list[tuple[Labels, float]], label: str) -> dict[str, dict[float, float]]:
    """Gather upper bound -> how many were at most so slow, for each value of a label."""
    found: dict[str, dict[float, float]] = defaultdict(lambda: defaultdict(float))
    for labels, value in samples:
        found[labels[label]][float(labels["le"])] += value
    return found


def _quantile(buckets: Mapping[float, float], share: float) -> float | None:
    """Return milliseconds within which a share was answered, as `histogram_quantile` of Prometheus has it.

    Inside its bucket the quantile lies on a straight line; above the last bound it is that bound.
    """
    bounds = sorted(buckets)
    if not bounds or buckets[bounds[-1]] == 0:
        return None
    wanted = share * buckets[bounds[-1]]
    low = before = 0.0
    for bound in bounds:
        if buckets[bound] >= wanted:
            if math.isinf(bound):
                return 1000 * low
            inside = buckets[bound] - before
            return 1000 * (low + (bound - low) * ((wanted - before) / inside if inside else 1.0))
        low, before = bound, buckets[bound]
    return 1000 * low
