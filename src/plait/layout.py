"""How prepared tables look: which packed slot holds which feature, what a task's label is, which roles a task sees.

Written by `plait.data`, read by `plait.encode`, `plait.tasks` and `plait.model`, saved with every run. Pydantic only, no
torch.

A prepared table is one int32 matrix with a row per table row **plus row 0, which stands for "no such row"** (an unknown id,
a key without partner), so that gathering by row number always works:

    | codes of ids and categories, offset into the table's fused embedding | keys: row numbers | numbers: float32 bits |

Code 0 of the fused embedding is "nothing here" (padding, missing), and each feature owns the codes `first .. first + size
- 1`, of which `first` means "a value not seen in training".
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from plait.schema import FeatureKind, Settings, TaskKind

__all__ = ["Alphabet", "FeatureLayout", "Group", "Layout", "Role", "RuleLayout", "TableLayout", "TaskLayout"]


class FeatureLayout(Settings):
    """One feature of one table as prepared."""

    name: str
    """`table.column`."""
    kind: FeatureKind
    slots: list[int] = Field(default_factory=list)
    """id, category: positions among the table's codes (several for a many-valued category, padded with code 0)."""
    first: int = 0
    """id, category: the feature's first code; it means `not seen in training`."""
    size: int = 0
    """id, category: how many codes the feature owns."""
    numbers: list[int] = Field(default_factory=list)
    """number, time: positions among the table's numbers (a value, then an indicator of a missing one, where needed)."""
    dim: int = 0
    """text, image, audio, embedding: length of the vector."""
    tokens: bool = False
    """text: tokens are kept instead of vectors, for an encoder inside the model."""
    shape: list[int] = Field(default_factory=list)
    """audio that an encoder of the model reads: the shape of the vector, mel bands and frames."""
    edges: list[float] = Field(default_factory=list)
    """number: inner quantiles of the transformed value over the training part, ascending, for piecewise encoding."""
    target: str | None = None
    """graph: the table that facts lead to."""
    facts: str | None = None
    """graph: the table whose rows are the facts."""
    relations: int = 0
    """graph: how many kinds of fact there are, unknown ones included."""
    unread: list[str] = Field(default_factory=list)
    """graph: features of the target table that are not read of neighbours, since some task's label names them."""


class TableLayout(Settings):
    """One prepared table."""

    name: str
    rows: int
    """Rows without row 0."""
    codes: int
    """Packed slots that hold codes; they come first."""
    keys: dict[str, int] = Field(default_factory=dict)
    """Key column -> its packed slot; it holds row numbers of `targets[key]`."""
    targets: dict[str, str] = Field(default_factory=dict)
    """Key column -> table."""
    numbers: int = 0
    """Packed slots that hold float32 bits; they come last."""
    vocabulary: int = 1
    """Rows of the table's fused embedding, code 0 included."""
    features: list[FeatureLayout] = Field(default_factory=list)


class Alphabet(Settings):
    """The tokens of a text encoder inside the model, as tasks that say something at tokens are told of them."""

    size: int
    """V, how many there are."""
    special: list[int]
    """Those that are no part of a text: separators, padding, the mask."""
    inner: list[int]
    """Those that go on with the word before them."""
    mask: int | None
    """The one that hides another; an encoder without it reads forwards only."""
    states: int
    """D, the length of a token's state."""
    embedding: int
    """E, the length of a token's own vector."""


class Role(Settings):
    """One seat at the table: whose row vector, reached from a task's table along keys. Shared between tasks by name."""

    name: str
    """The table's name for the first path that reaches it, else `table:key.key`; a history's is its feature name."""
    table: str
    """The table whose row encoder reads it; for a history the table of its items."""
    history: str | None = None
    """The feature name `table.column` where the role is a history."""


class TaskLayout(Settings):
    """One task as prepared."""

    name: str
    kind: TaskKind
    table: str
    classes: list[str] = Field(default_factory=list)
    """multiclass, multilabel, ordinal (ascending): outside values by class number; binary: empty."""
    label_width: int = 1
    """Label slots per example: 1, or for multilabel the most classes one row has (class numbers, padded with -1); for
    tagging 2 for each of the most phrases one row has (first and last token); 2 for a label that may still become 1, with
    the chance that it would be known by now."""
    examples: int = 0
    """Observed rows of the training part."""
    mean: float = 0.0
    """regression, amount: mean of the observed training labels; binary: their rate."""
    above: float = 0.0
    """amount: share of the observed training labels above 0."""
    log_mean: float = 0.0
    """amount: mean of the logarithms of those above 0."""
    log_std: float = 1.0
    """amount: standard deviation of the logarithms of those above 0, never 0."""
    std: float = 1.0
    """regression, amount: standard deviation of the observed training labels, never 0."""
    class_rate: list[float] = Field(default_factory=list)
    """multiclass, multilabel, ordinal: share of the observed training rows per class; tagging: share of their tokens
    outside of phrases, first in one, further in one."""
    text: str | None = None
    """tagging, masked: the text feature at whose tokens something is said."""
    target: str | None = None
    """retrieval, relatedness: the table of the candidates."""
    query_role: str | None = None
    """relatedness: the role of the first of the pair."""
    target_role: str | None = None
    """retrieval, relatedness: the role that holds the right answer, hidden from a retrieval task."""
    group_key: str | None = None
    """The key column whose row number says which list (ranking) or user (AUC per user) an example belongs to."""


class Group(Settings):
    """Tasks on the same table that see the same inputs; they share one pass through the body."""

    table: str
    tasks: list[str]
    roles: list[str]
    """Roles these tasks see; the others are absent."""
    hidden: list[str] = Field(default_factory=list)
    """`role/table.column`: features of a seen role that these tasks may not see."""


class RuleLayout(Settings):
    """One rule as prepared."""

    name: str
    task: str
    table: str
    rule: str
    classes: list[int] = Field(default_factory=list)
    """multiclass, multilabel, ordinal: numbers of the classes it is about."""


class Layout(Settings):
    """All of a prepared recipe."""

    tables: dict[str, TableLayout]
    roles: list[Role]
    """The seats of the shared body's input, in their order."""
    paths: dict[str, dict[str, list[str]]]
    """Example table -> role -> the keys to follow (none: the example's own row); a role not listed is absent there."""
    tasks: dict[str, TaskLayout]
    groups: list[Group]
    histories: dict[str, Literal["ready"]] = Field(default_factory=dict)
    """Features of kind history that were prepared."""

    rules: dict[str, RuleLayout] = Field(default_factory=dict)
    """What must hold for a task's outcome."""

    def table_of(self, role: str) -> TableLayout:
        """Return the layout of the table that a role reads."""
        return self.tables[next(r.table for r in self.roles if r.name == role)]
