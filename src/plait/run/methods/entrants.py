"""Who runs: every kind of sharing with equal weights, every kind of balancing on one shared bottom, every relation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, final, get_args

from pydantic import BaseModel, TypeAdapter

from plait.balance import AnyBalance
from plait.run.methods.grounds import Ground
from plait.share import AnySharing

__all__ = ["BASELINE", "Entrant", "entrants"]

Kind = Literal["sharing", "balancing", "relation", "alone"]
BASELINE: Final = "shared_bottom + average"
_NEEDS_A_WORD: Final = ("fixed",)
"""Without weights of the user's own it is the average."""


@final
@dataclass(frozen=True, slots=True)
class Entrant:
    """One method in the race; everything else is the same for all."""

    name: str
    kind: Kind
    sharing: Mapping[str, Any]
    balance: Mapping[str, Any]
    chain: str | None = None


def entrants(ground: Ground) -> list[Entrant]:
    """Return all methods that make sense on a ground, the baseline first."""
    bottom = _sized("shared_bottom", ground)
    assert bottom is not None
    average = {"kind": "average"}
    found = [Entrant(BASELINE, "sharing", bottom, average)]
    for kind in _kinds(AnySharing):
        sharing = _sized(kind, ground)
        if kind != "shared_bottom" and sharing is not None:
            found.append(Entrant(kind, "sharing", sharing, average))
    kinds = [kind for kind in _kinds(AnyBalance) if kind not in ("average", *_NEEDS_A_WORD)]
    found += [Entrant(kind, "balancing", bottom, {"kind": kind}) for kind in kinds]
    return [*found, Entrant("each task alone", "alone", bottom, average)]


def _sized(kind: str, ground: Ground) -> dict[str, Any] | None:
    """Return the settings of a body at the ground's size; None where it needs something the ground does not have."""
    fields = _settings(AnySharing, kind).model_fields
    given: dict[str, Any] = {name: list(ground.size) for name in ("expert", "layers") if name in fields}
    if "experts" in fields:
        given["experts"] = 4
    wanted = [name for name, field in fields.items() if field.is_required() and name != "kind"]
    if any(name not in ground.named for name in wanted):
        return None
    return {"kind": kind, **given, **{name: ground.named[name] for name in wanted}}


def _kinds(union: Any) -> list[str]:  # noqa: ANN401  # an annotated union is no type that Python can name
    return sorted(str(get_args(one.model_fields["kind"].annotation)[0]) for one in _members(union))


def _settings(union: Any, kind: str) -> type[BaseModel]:  # noqa: ANN401
    return next(one for one in _members(union) if get_args(one.model_fields["kind"].annotation)[0] == kind)


def _members(union: Any) -> tuple[type[BaseModel], ...]:  # noqa: ANN401
    assert TypeAdapter(union)
    return get_args(get_args(union)[0])
