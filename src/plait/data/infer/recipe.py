"""Write a guess as a commented recipe: behind every guess why it was made, and what else could be chosen."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import yaml

from plait.data.infer.guess import Guess, Likely
from plait.data.infer.kinds import SAME, Choice
from plait.errors import DataError
from plait.schema import Audio, Image, Split, Text

__all__ = ["write_recipe"]

_WIDE = 60
_MOST_COMMENTS = 8

_Line = tuple[str, str]


def write_recipe(guess: Guess, place: Path | None = None) -> str:
    """Write a recipe that trains as it stands.

    Args:
        guess: what was guessed.
        place: the folder the recipe will lie in; sources are written relative to it. The tables' own where not said.

    Returns:
        YAML text.

    Raises:
        DataError: no column looks like something to predict, so that there is no task to write.
    """
    if not guess.tasks:
        constant = [(place, choice.why) for place, choice in guess.features.items() if choice.why.startswith(SAME)]
        told = "".join(f" `{place}` is no task: {why}." for place, why in constant[:3])
        raise DataError(
            f"A recipe should have at least one task, and no column of {sorted(guess.tables)} looks like something to "
            f"predict. Found columns {list(guess.features)[:20]}.{told} Name the column to predict `label` (0 and 1, "
            f"classes or numbers), or the columns of who did what `user_id` and `item_id`, and call `plait init` again."
        )
    sections = [
        _head(guess),
        _section("tables", "where rows come from", _tables(guess, place or guess.base)),
        _section("features", "how each column is read; delete a line and the column is guessed again", _features(guess)),
        _section("tasks", "what is predicted: an SQL expression each; NULL means not observed", _tasks(guess)),
        _split(guess),
        _settings(guess),
    ]
    return "\n".join(line for section in sections for line in section) + "\n"


def _flow(value: object) -> str:
    """Write a value as YAML on one line."""
    text: str = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10**9, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")


def _aligned(lines: Sequence[_Line]) -> list[str]:
    """Put comments under one another."""
    width = min(_WIDE, max((len(text) for text, _ in lines), default=0))
    return [f"{text:<{width}}  # {_one_line(comment)}" if comment else text for text, comment in lines]


def _one_line(text: str) -> str:
    """Keep a comment on its line, whatever the data hold."""
    return "".join(c if c.isprintable() else " " for c in " ".join(text.split()))


def _section(name: str, meaning: str, lines: Iterable[_Line]) -> list[str]:
    """Write one section under its key."""
    return [f"{name}:  # {meaning}", *_aligned(list(lines)), ""]


def _head(guess: Guess) -> list[str]:
    """Write what this file is and which files were left out."""
    lines = [
        "# A guess from the tables, made by `plait init`. It trains as it stands; correct what is wrong.",
        "# Look at the data with `plait check`, then `plait train` this file.",
    ]
    lines += [f"# Left out: {_one_line(source)}: {_one_line(reason)}" for source, reason in guess.left.items()]
    return [*lines, f"name: {_flow(guess.name)}", "seed: 17  # every random choice follows from it", ""]


def _tables(guess: Guess, place: Path) -> list[_Line]:
    """Write each table on a line, and why keys are keys."""
    lines: list[_Line] = []
    for name, table in guess.tables.items():
        values = {key: value for key, value in table.model_dump().items() if value}
        if table.source:
            values["source"] = _relative(guess.base / table.source, place)
        lines.append((f"  {_flow(name)}: {_flow(values)}", guess.why[f"tables.{name}"]))
        lines += [
            (f"  # key {_one_line(key)} -> {target}", guess.why.get(f"tables.{name}.keys.{key}", ""))
            for key, target in table.keys.items()
        ]
    return lines


def _relative(path: Path, place: Path) -> str:
    """Write a path as seen from a folder, absolute where that is on another drive."""
    try:
        return Path(os.path.relpath(path.resolve(), place.resolve())).as_posix()
    except ValueError:
        return str(path.resolve())


def _features(guess: Guess) -> list[_Line]:
    """Write each feature on a line, with what it could also be."""
    labels = {f"{task.table}.{column}": task.name for task in guess.tasks for column in task.columns}
    written = guess.features.items()
    return [(f"  {_flow(place)}: {_kind(choice)}", _why(choice, labels.get(place))) for place, choice in written]


def _kind(choice: Choice) -> str:
    """Write a feature as its kind alone where it has no options of its own."""
    options = choice.feature.model_dump(exclude_defaults=True) | {"kind": choice.feature.kind}
    return choice.feature.kind if len(options) == 1 else _flow({"kind": choice.feature.kind} | options)


def _why(choice: Choice, task: str | None) -> str:
    """Say what was seen, that a label is no input to its table's tasks, and what the column could be instead."""
    parts = [choice.why]
    if task is not None:
        parts.append(f"the label of `{task}`, so no input to tasks on this table")
    if choice.others:
        parts.append(f"or: {', '.join(choice.others)}")
    return "; ".join(parts)


def _tasks(guess: Guess) -> list[_Line]:
    """Write the tasks, then those that are possible as comments."""
    lines = [(f"  {_task(task)}", task.why) for task in guess.tasks]
    if guess.possible:
        lines.append(("  # Others that are possible; their columns then are no inputs to tasks on the same table:", ""))
        lines += [(f"  # {_task(task)}", task.why) for task in guess.possible[:_MOST_COMMENTS]]
    return lines


def _task(task: Likely) -> str:
    """Write one task on a line."""
    values: dict[str, object] = {"table": task.table, "kind": task.kind, "label": task.label}
    values |= {"where": task.where} if task.where else {}
    values |= {"group": task.group} if task.group else {}
    values |= {"inputs": list(task.inputs)} if task.inputs else {}
    return f"{_flow(task.name)}: {_flow(values)}"


def _split(guess: Guess) -> list[str]:
    """Write the split with its alternatives."""
    split: Split = guess.split
    values: dict[str, object] = {"by": split.by} | ({"column": split.column} if split.column else {})
    values |= {"valid": split.valid, "test": split.test}
    others = ["random: at random"] if split.by != "random" else []
    if any(guess.tables[task.table].keys for task in guess.tasks):
        others += ["user: all rows of a user on one side", "{by: last, n: 1}: the newest row of each user tests"]
    alternatives = [f"# or by {other}" if other[0] != "{" else f"# or {other}" for other in others]
    return [f"split: {_flow(values)}  # {_one_line(guess.why['split'])}", *alternatives, ""]


def _settings(guess: Guess) -> list[str]:
    """Write model, balance and train with what each setting means."""
    texts = any(isinstance(choice.feature, Text) for choice in guess.features.values())
    tables = {task.table for task in guess.tasks}
    model: list[_Line] = [
        ("  width: 16", "length of the vector learned for an id or category"),
        ("  sharing: {kind: mmoe}", "what tasks share: shared_bottom, mmoe, ple, home …; separate shares nothing"),
        ("  tower: [64]", "layers of each task's own part"),
    ]
    if texts:
        model.append(("  text: {model: all-MiniLM-L6-v2}", "reads texts (English); or a Hugging Face name or a folder"))
    if any(isinstance(choice.feature, Image) for choice in guess.features.values()):
        model.append(("  image: {model: efficientnet-lite0}", "reads pictures; or a Hugging Face name or a folder"))
    if any(isinstance(choice.feature, Audio) for choice in guess.features.values()):
        model.append(("  audio: {model: cnn}", "reads sounds, trained with the tasks; or a Hugging Face name or a folder"))
    train: list[_Line] = [
        ("  epochs: 6", "times over the training rows; stops earlier where validation no longer improves"),
        (f"  batch: {_batch(guess, tables)}", "rows of one step"),
        ("  learning_rate: 0.003", ""),
    ]
    if len(tables) > 1:
        mix = "whose turn it is: joint reads every table in each step; alternate, proportional"
        train.append(("  mix: joint", f"the tasks live in {len(tables)} tables; {mix}"))
    balance = "balance: {kind: uncertainty}  # how much each task moves what is shared; or: average, db_mtl, upgrad …"
    more = "# every way to share and to balance, with its paper and when to prefer it: docs/methods.md"
    return [more, "model:", *_aligned(model), balance, "train:", *_aligned(train)]


def _batch(guess: Guess, tables: set[str]) -> int:
    """Choose rows of a step so that an epoch has some two hundred steps, within what a processor does well."""
    rows = max(guess.rows[name] for name in tables)
    size = 64
    while size < 4096 and size * 200 < rows:
        size *= 2
    return size
