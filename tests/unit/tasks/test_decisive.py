import pytest

from plait.errors import RecipeError
from plait.layout import TaskLayout
from plait.measure.kinds import decisive
from plait.schema import Task
from plait.tasks import (
    Amount,
    Binary,
    Multiclass,
    Multilabel,
    Ordinal,
    Ranking,
    Regression,
    Relatedness,
    Retrieval,
    build_head,
)

KINDS = [Binary, Multiclass, Multilabel, Regression, Ordinal, Amount, Ranking, Retrieval, Relatedness]


@pytest.mark.parametrize("head", KINDS, ids=lambda head: head.__name__)
def test_heads_and_measures_agree_on_what_decides(head) -> None:
    kind = head.Settings.model_fields["kind"].annotation.__args__[0]
    assert head.metric == decisive(kind)


def test_settings_of_no_kind_are_refused() -> None:
    task = TaskLayout(name="like", kind="binary", table="rows")
    with pytest.raises(RecipeError, match="Task `like` should be one of the kinds of `plait.tasks`"):
        build_head(Task(table="rows", kind="binary", label="y"), task, 4, [])
