"""A line to copy: a question about a row that this very model knows."""

from __future__ import annotations

import json
import shlex
from urllib.parse import quote

import torch

from plait.serve.browse import Browse
from plait.serve.wire import Card

__all__ = ["curl"]


def curl(address: str, service: Browse, *, keys: bool) -> str:
    """Return a command that asks the service something it can answer.

    Args:
        address: where it listens.
        service: the model in place.
        keys: whether a key is needed; the command then takes it from `$KEY`.
    """
    key = ' -H "Authorization: Bearer $KEY"' if keys else ""
    users, items = service.shape.users, service.shape.items
    asked = _first(service, users)
    if asked is not None:
        return f"curl{key} '{address}/v1/recommend?user={quote(asked.id, safe='')}&count=3'"
    asked = _first(service, items)
    if asked is not None:
        return f"curl{key} '{address}/v1/similar?item={quote(asked.id, safe='')}&count=3'"
    table = next((name for name in service.shape.tables if name in service.run.prepared.plan.ids), None)
    if table is None:
        return f"curl{key} {address}/health"
    rows = service.run.prepared.raw(table, torch.tensor([1])).to_pylist()
    body = shlex.quote(json.dumps({"rows": rows}, ensure_ascii=False, default=str))
    return f"curl{key} -H 'Content-Type: application/json' -d {body} {address}/v1/predict"


def _first(service: Browse, table: str | None) -> Card | None:
    catalogue = None if table is None else service.catalogue(table)
    return None if catalogue is None or catalogue.rows == 0 else catalogue.card(1)
