"""What `serving.json` says: which graphs a bundle holds, what they are fed, and what comes out."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from pydantic import Field, ValidationError

from plait.errors import CorruptError
from plait.export.certainty import Certainty
from plait.export.reading import Input
from plait.run.manifest import BUNDLE
from plait.schema import Settings

__all__ = ["NAME", "Compared", "Graph", "History", "Key", "Output", "Quality", "Serving", "Stored", "read_serving"]

NAME: Final = BUNDLE


class Output(Settings):
    """What a graph says of one task."""

    task: str
    kind: str
    columns: list[str]
    """What each number is called."""


class Graph(Settings):
    """One graph."""

    file: str
    data: list[str] = Field(default_factory=list)
    """Files beside it that hold its weights."""
    inputs: list[Input]
    outputs: list[Output]


class Key(Settings):
    """A key of the examples."""

    table: str
    """Where it leads."""
    fixed: bool
    """Whether it leads to one row for all candidates of a request."""


class Stored(Settings):
    """The tensors that a table's row numbers look up."""

    file: str
    rows: int
    """Rows without row 0."""


class History(Settings):
    """Who had what: the items of owner `o` are `items[spans[o, 0] : spans[o, 1]]`, oldest first."""

    file: str
    items: str
    spans: str
    last: int
    """How many of the newest a graph is fed, padded with row 0 on the left."""


class Quality(Settings):
    """A task's metric on test examples, scored as a service scores them."""

    metric: str
    value: float | None
    loss: float | None
    """Which share of it is lost against the exact bundle, on the same examples; negative where it got better."""


class Compared(Settings):
    """One way to make the model smaller or faster, beside the run."""

    name: str
    bytes: int
    """Of graphs and stored tensors."""
    milliseconds: float
    """Median of one request for `candidates` items."""
    candidates: int
    quality: dict[str, Quality]
    """By task."""


class Serving(Settings):
    """All of `serving.json`."""

    plait: str
    """The version that exported it."""
    precision: Literal["fp32", "int8"] = "fp32"
    table: str | None = None
    """The table of the examples; None where users and items do not meet."""
    keys: dict[str, Key] = Field(default_factory=dict)
    graphs: dict[str, Graph]
    products: Graph | None = None
    """Makes of items what the first layers read of them, which is stored; see `plait.export.kept`."""
    unstored: int = 0
    """Bytes that this would have taken, where it is more than was allowed."""
    compiled: dict[str, str] = Field(default_factory=dict)
    """Graph -> the same as machine code."""
    left_out: dict[str, str] = Field(default_factory=dict)
    """Table -> why its rows are scored by the run alone."""
    tables: dict[str, Stored] = Field(default_factory=dict)
    histories: dict[str, History] = Field(default_factory=dict)
    formula: str | None = None
    """How the tasks' scores become one."""
    answers: dict[str, Certainty] = Field(default_factory=dict)
    """Task that answers questions -> when its answers count as known."""
    versions: dict[str, str] = Field(default_factory=dict)
    """What it was exported with."""
    difference: float = 0.0
    """The largest that was found between the graphs and the run, on real rows."""
    compared: list[Compared] = Field(default_factory=list)


def read_serving(folder: Path) -> Serving:
    """Read what a bundle says of itself.

    Raises:
        CorruptError: it is something else.
    """
    try:
        return Serving.model_validate_json((folder / NAME).read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError) as error:
        raise CorruptError(
            f"`{folder / NAME}` should say what the bundle holds. Found something else: {str(error).splitlines()[-1]}. "
            "Export the run again."
        ) from error
