"""Who runs: every kind of sharing with equal weights, every kind of balancing on one shared bottom, every relation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, final, get_args

from pydantic import BaseModel, TypeAdapter

from plait.balance import AnyBalance
from plait.run.methods.grounds import Ground
from plait.share import AnySharing
from plait.tasks.relations.given import AnyRelation

__all__ = ["BASELINE", "Entrant", "entrants"]

Kind = Literal["sharing", "balancing", "relation", "alone"]
BASELINE: Final = "shared_bottom + average"
_NEEDS_A_WORD: Final = ("fixed", "feedback")
"""Without weights or a signal of the user's own they are the average."""
_VARIANTS: Final[Sequence[tuple[str, str, Mapping[str, Any]]]] = (
    ("cgc (ple, one level)", "ple", {"levels": 1}),
    ("omoe (mmoe, one gate)", "mmoe", {"gate": {"kind": "one"}}),
    ("mmoe, dselect_k", "mmoe", {"gate": {"kind": "dselect_k", "selectors": 2}}),
)
"""Bodies under a setting that the literature knows by another name."""
_EXACT: Final[Sequence[tuple[str, Mapping[str, Any]]]] = tuple(
    (f"{kind}, at parameters", {"kind": kind, "at": "parameters"}) for kind in ("pcgrad", "upgrad", "imtl_g")
)
"""Some methods with the gradients of the shared parameters, which are dearer, where others take those of what they give."""


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
    bottom = _sized("shared_bottom", ground, {})
    average = {"kind": "average"}
    found = [Entrant(BASELINE, "sharing", bottom, average)]
    bodies = [kind for kind in _kinds(AnySharing) if kind != "shared_bottom" and _runs(kind, ground)]
    found += [Entrant(kind, "sharing", _sized(kind, ground, {}), average) for kind in bodies]
    found += [Entrant(name, "sharing", _sized(kind, ground, more), average) for name, kind, more in _VARIANTS]
    kinds = [kind for kind in _kinds(AnyBalance) if kind not in ("average", *_NEEDS_A_WORD)]
    found += [Entrant(kind, "balancing", bottom, {"kind": kind}) for kind in kinds]
    found += [Entrant(name, "balancing", bottom, balance) for name, balance in _EXACT]
    if ground.chain:
        found += [Entrant(f"given: {kind}", "relation", bottom, average, kind) for kind in _kinds(AnyRelation)]
    return [*found, Entrant("each task alone", "alone", bottom, average)]


def _sized(kind: str, ground: Ground, more: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a body at the ground's size, told the features that it wants to know."""
    fields = _settings(AnySharing, kind).model_fields
    given: dict[str, Any] = {name: list(ground.size) for name in ("expert", "layers") if name in fields}
    if kind == "home":  # its experts read what a first layer of experts gives
        given = {"meta": list(ground.size[:1]), "expert": list(ground.size[1:])}
    if "experts" in fields:
        given["experts"] = 4
    return {"kind": kind, **given, **{name: told for name, told in ground.named.items() if name in fields}, **more}


def _runs(kind: str, ground: Ground) -> bool:
    """Say whether the ground has all that a body cannot do without."""
    fields = _settings(AnySharing, kind).model_fields
    return all(name in ground.named for name, field in fields.items() if field.is_required())


def _kinds(union: Any) -> list[str]:  # noqa: ANN401  # an annotated union is no type that Python can name
    return sorted(str(get_args(one.model_fields["kind"].annotation)[0]) for one in _members(union))


def _settings(union: Any, kind: str) -> type[BaseModel]:  # noqa: ANN401
    return next(one for one in _members(union) if get_args(one.model_fields["kind"].annotation)[0] == kind)


def _members(union: Any) -> tuple[type[BaseModel], ...]:  # noqa: ANN401
    assert TypeAdapter(union)
    return get_args(get_args(union)[0])
