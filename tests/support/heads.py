"""Heads built from a few words, so that a test shows what matters."""

from plait.layout import TaskLayout
from plait.tasks import Head, build_head
from plait.tasks.amount import Amount
from plait.tasks.binary import Binary
from plait.tasks.multiclass import Multiclass
from plait.tasks.multilabel import Multilabel
from plait.tasks.ordinal import Ordinal
from plait.tasks.ranking import Ranking
from plait.tasks.regression import Regression

KINDS = {
    "amount": Amount,
    "binary": Binary,
    "multiclass": Multiclass,
    "multilabel": Multilabel,
    "ordinal": Ordinal,
    "ranking": Ranking,
    "regression": Regression,
}


def head(kind: str, options: dict[str, object] | None = None, **known: object) -> Head:
    """Build a head of width 3 whose tower has no layers."""
    settings = KINDS[kind].Settings.model_validate({"kind": kind, "table": "rows", "label": "y", **(options or {})})
    task = TaskLayout.model_validate({"name": "t", "kind": kind, "table": "rows", **known})
    built = build_head(settings, task, 3, [])
    assert isinstance(built, Head)
    return built
