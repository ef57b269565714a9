"""Labels of tasks of tokens: from phrases in a table to label slots, then and for rows from outside."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from tests.unit.data.shop import Characters, Letters

from plait.data.apply import apply
from plait.data.check import check
from plait.data.gather import gather
from plait.data.prepare import load, prepare
from plait.errors import DataError, RecipeError
from plait.schema import Number, Schema, Split, Table, Task, Text

TEXTS = ["ab ab c", "  x ab", None, "ab", "", "q"]
KEYS = [["ab"], ["AB", "gone"], ["ab"], None, ["ab"], []]


def schema(**tasks: Task) -> Schema:
    return Schema(
        tables={"notes": Table(source="notes.parquet")},
        features={"notes.text": Text(), "notes.size": Number()},
        tasks=tasks or {"keys": Task(table="notes", kind="tagging", label="keys", text="text")},
        split=Split(by="random", valid=0, test=0),
        seed=1,
    )


def write(folder: Path) -> pa.Table:
    rows = pa.table({"text": TEXTS, "keys": pa.array(KEYS), "size": [1.0, 2, 3, 4, 5, 6]})
    pq.write_table(rows, folder / "notes.parquet")
    return rows


def test_phrases_become_first_and_last_tokens(tmp_path: Path) -> None:
    rows = write(tmp_path)
    made = prepare(schema(), tmp_path, tmp_path / "cache", Characters())
    label = made.tables["notes"].labels["keys"]
    assert label.nan_to_num(-9).tolist() == [
        [-9] * 4,
        [0, 1, 2, 3],
        [1, 2, -1, -1],
        [-9] * 4,
        [-9] * 4,
        [-9] * 4,
        [-1] * 4,
    ]
    task = made.layout.tasks["keys"]
    assert (task.text, task.label_width, task.examples) == ("notes.text", 4, 3)
    # Of 5 + 3 + 1 letters 3 begin a phrase and 3 go on with one.
    assert task.class_rate == pytest.approx([3 / 9, 3 / 9, 3 / 9])
    lost = [note for note in made.plan.notes if "stand nowhere" in note]
    assert lost == [
        "Task `keys`: 3 of 5 phrases (60%) stand nowhere in their text, such as `gone` in row 2; they are not learned."
    ]
    again = load(made.folder)
    assert torch.equal(again.tables["notes"].labels["keys"].nan_to_num(-9), label.nan_to_num(-9))
    assert again.tables["notes"].words["notes.text"].offsets is not None
    found = apply(made, "notes", rows, Characters())
    assert torch.equal(found.labels["keys"].nan_to_num(-9), label.nan_to_num(-9))
    assert "keys" not in apply(made, "notes", rows.drop_columns(["keys"]), Characters()).labels


def test_a_batch_holds_labels_and_texts(tmp_path: Path) -> None:
    write(tmp_path)
    made = prepare(schema(), tmp_path, tmp_path / "cache", Characters())
    batch = gather(made, "notes", torch.tensor([6, 1, 3]))
    assert batch.labels["keys"][:2].tolist() == [[-1] * 4, [0, 1, 2, 3]]
    assert batch.weights["keys"].tolist() == [1, 1, 0]
    assert "notes.text" in batch.roles["notes"].words


def test_hidden_tokens_need_no_label(tmp_path: Path) -> None:
    write(tmp_path)
    task = Task(table="notes", kind="masked", label="1", text="text")
    made = prepare(schema(words=task), tmp_path, tmp_path / "cache", Characters())
    assert made.tables["notes"].labels["words"].nan_to_num(-9)[:, 0].tolist() == [-9, 1, 1, -9, 1, -9, 1]
    assert made.layout.tasks["words"].examples == 4
    assert made.tables["notes"].words["notes.text"].offsets is None


def test_a_text_that_the_body_does_not_see_is_kept(tmp_path: Path) -> None:
    write(tmp_path)
    task = Task(table="notes", kind="tagging", label="keys", text="text", inputs=["notes.size"])
    made = prepare(schema(keys=task), tmp_path, tmp_path / "cache", Characters())
    assert made.layout.groups[0].hidden == ["notes/notes.text"]
    assert "notes.text" in made.tables["notes"].words


def test_words_of_the_refusals(tmp_path: Path) -> None:
    write(tmp_path)
    with pytest.raises(
        RecipeError, match=r"`text: size` should name a column of table `notes` that is read as text.*Found num"
    ):
        prepare(
            schema(keys=Task(table="notes", kind="tagging", label="keys", text="size")), tmp_path, tmp_path, Characters()
        )
    with pytest.raises(RecipeError, match=r"should be read by an encoder inside the model. Found vectors"):
        prepare(schema(), tmp_path, tmp_path / "cache", Letters())
    with pytest.raises(DataError, match=r"Label of task `keys` should be a list of phrases per row"):
        task = Task(table="notes", kind="tagging", label="text", text="text", inputs=["notes.size"])
        prepare(schema(keys=task), tmp_path, tmp_path / "cache", Characters())


def test_the_check_counts_phrases(tmp_path: Path) -> None:
    write(tmp_path)
    tasks = {
        "keys": Task(table="notes", kind="tagging", label="keys", text="text"),
        "words": Task(table="notes", kind="masked", label="1", text="text"),
    }
    found = {(f.name, f.column): f for f in check(schema(**tasks), tmp_path)}
    phrases = found["phrases", "keys"]
    assert phrases.status == "WARN"
    assert phrases.message.startswith("3 phrases in 2 of 5 texts; 3 of 5 phrases (60%) stand nowhere in their text, such as")
    assert phrases.examples[0]["row"] == 2
    assert found["rate", "words"].message == "6 texts are read; no label is needed"
    gone = tasks | {"keys": Task(table="notes", kind="tagging", label="keys", text="txet")}
    failed = [f.message for f in check(schema(**gone), tmp_path) if f.status == "FAIL"]
    assert any("`text` of task `keys`" in message and "Did you mean `text`" in message for message in failed)
    nowhere = tasks | {"keys": Task(table="notes", kind="tagging", label="['gone']", text="text")}
    failed = [f.message for f in check(schema(**nowhere), tmp_path) if f.status == "FAIL"]
    assert "should mark phrases that stand in `text`. Found none." in failed
