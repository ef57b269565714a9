"""What cannot be given: in which words each is refused."""

import pytest

from plait.schema import Task
from plait.tasks import Amount, Binary, Regression, Retrieval
from plait.tasks.relations.esmm import ESMM
from plait.tasks.relations.given import chain_problems

KINDS = {"binary": Binary, "amount": Amount, "regression": Regression, "retrieval": Retrieval}


def task(kind: str = "binary", **more: object) -> Task:
    settings: Task = KINDS[kind].Settings.model_validate({"table": "visits", "label": "y", **more, "kind": kind})
    return settings


def problems(**tasks: Task) -> str:
    return "\n".join(chain_problems(tasks))


def test_a_chain_of_any_length_is_fine() -> None:
    line = {f"t{i}": task(given=f"t{i - 1}") if i else task() for i in range(30)}
    assert chain_problems(line) == []
    assert chain_problems({**line, "all": task(given=list(line), chain="aitm")}) == []


def test_the_short_form_and_the_default() -> None:
    short = task(given="a", chain="escm2")
    assert isinstance(short, Binary.Settings)
    assert short.relation.kind == "escm2"
    plain = task(given="a")
    assert isinstance(plain, Binary.Settings)
    assert plain.relation == ESMM.Settings()
    assert plain.parents == ["a"]
    assert task(given=["a", "b"]).parents == ["a", "b"]
    assert task().parents == []


@pytest.mark.parametrize(
    ("tasks", "words"),
    [
        ({"buy": task(given="clik"), "click": task()}, "`given` should name a task. Found `clik`. Did you mean `click`?"),
        (
            {"buy": task(given="buy")},
            "should form no circle, because no chance in it could be computed first. Found `buy` given",
        ),
        ({"a": task(given="b"), "b": task(given="c"), "c": task(given="b")}, "Found `b` given `c` given `b`. Take one"),
        ({"a": task(given=["b", "b"]), "b": task()}, "`given` should name each task once. Found `b` twice."),
        (
            {"a": task(given="b"), "b": task(table="films")},
            "because both are about one example. Found `b`, on table `films`. Bring the label of `b` into table `visits`",
        ),
        ({"a": task(chain="aitm")}, "`chain: aitm` says how it depends on the tasks in `given`. Found none there."),
        (
            {"a": task("regression", given="b"), "b": task()},
            "`chain: esmm` should have a child of kind amount or binary, because a chance times a value is an expectation",
        ),
        (
            {"a": task(given="b"), "b": task("amount")},
            "should have parents of kind binary, because only they have what it reads",
        ),
        (
            {"a": task("amount", given="b", chain="escm2"), "b": task()},
            "should have a child of kind binary, because its risk is that of a chance; for an amount take `chain: esmm`.",
        ),
        ({"a": task("amount", given="b", chain="aitm"), "b": task()}, "its loss compares chances"),
        (
            {"a": task("regression", given="b", chain={"kind": "dbmtl", "order": "exact"}), "b": task()},
            "`chain: dbmtl` with `order: exact` should have a child of kind amount or binary",
        ),
        (
            {"a": task("retrieval", given="b"), "b": task()},
            "a retrieval task should not be `given` others, because it must not see the right answer, and they do.",
        ),
        (
            {"a": task(given="b", loss="focal"), "b": task()},
            "cannot be, because a chance can only be tied where the outputs are log odds, and with `loss: focal` they",
        ),
        ({"a": task(given="b", chain="dbmtl"), "b": task("retrieval")}, "Found `b` of kind retrieval."),
    ],
)
def test_what_cannot_be(tasks: dict[str, Task], words: str) -> None:
    assert words in problems(**tasks)


def test_a_focal_loss_goes_where_nothing_is_tied() -> None:
    assert chain_problems({"a": task(given="b", chain="aitm", loss="focal"), "b": task(loss="focal")}) == []
    assert chain_problems({"a": task(given="b"), "b": task(loss="focal")}) == []


def test_a_learned_relation_takes_what_a_tie_cannot() -> None:
    assert chain_problems({"a": task("regression", given="b", chain="dbmtl"), "b": task("amount")}) == []
