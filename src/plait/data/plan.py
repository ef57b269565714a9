"""What preparation learned from the training part and froze: vocabularies, statistics, layout."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, final

import pyarrow as pa

from plait.data.files import file_name, read_parquet, write_parquet
from plait.data.statistics import NumberPlan
from plait.data.values import flat
from plait.data.vocabulary import Vocabulary
from plait.errors import CorruptError, RecipeError, nearest
from plait.layout import Layout
from plait.schema import Schema

__all__ = ["Plan"]

_FILE: Final = "plan.json"


@final
@dataclass(frozen=True, slots=True)
class Plan:
    """The frozen plan of a prepared schema."""

    schema: Schema
    layout: Layout
    ids: dict[str, Vocabulary]
    """Table with an `id` -> its ids; the value at position i is row number i + 1."""
    codes: dict[str, Vocabulary]
    """Feature of kind id or category -> its values; the value at position i has code `first + 1 + i`. Of kind graph -> its
    kinds of fact."""
    numbers: dict[str, NumberPlan]
    """Feature of kind number -> its transform and scale."""
    reads: dict[str, list[str]] = field(default_factory=dict)
    """Task -> columns of its table that its label, `where` and `sample_weight` name."""
    notes: list[str] = field(default_factory=list)
    """What a person should know about the data, one sentence each."""

    def vocabulary(self, name: str) -> Vocabulary:
        """Return the values of a table's id column (numbers are row numbers) or of a feature (numbers are codes within it).

        Args:
            name: `table.column`.

        Raises:
            RecipeError: if nothing of that name has a vocabulary.
        """
        table = name.partition(".")[0]
        if table in self.ids and name == f"{table}.{self.id_column(table)}":
            return self.ids[table]
        if name in self.codes:
            return self.codes[name]
        known = [f"{t}.{self.id_column(t)}" for t in self.ids] + list(self.codes)
        raise RecipeError(f"`{name}` has no vocabulary; there are {known}.{nearest(name, known)}")

    def id_column(self, table: str) -> str:
        """Name the column of a table that holds its ids: its `id`, or the column of its `of`."""
        described = self.schema.tables[table]
        return described.id or (described.of or "").rpartition(".")[2]

    def save(self, folder: Path) -> None:
        """Write `plan.json` and `vocabulary/*.parquet`."""
        (folder / "vocabulary").mkdir(parents=True, exist_ok=True)
        files: dict[str, dict[str, str]] = {"ids": {}, "codes": {}}
        for group, vocabularies in (("ids", self.ids), ("codes", self.codes)):
            for name, vocabulary in vocabularies.items():
                files[group][name] = f"{group}.{file_name(name)}.parquet"
                write_parquet(pa.table({"value": vocabulary.values}), folder / "vocabulary" / files[group][name])
        content = {
            "schema": self.schema.model_dump(mode="json"),
            "layout": self.layout.model_dump(mode="json"),
            "numbers": {n: p.model_dump(mode="json") for n, p in self.numbers.items()},
            "vocabularies": files,
            "reads": self.reads,
            "notes": self.notes,
        }
        (folder / _FILE).write_text(json.dumps(content, ensure_ascii=False))

    @classmethod
    def load(cls, folder: Path) -> Plan:
        """Read what `save` wrote.

        Raises:
            CorruptError: if a file is missing or damaged.
        """
        try:
            content = json.loads((folder / _FILE).read_text())
            schema = Schema.model_validate(content["schema"])
            layout = Layout.model_validate(content["layout"])
            numbers = {n: NumberPlan.model_validate(p) for n, p in content["numbers"].items()}
            files = content["vocabularies"]
            reads, notes = dict(content["reads"]), list(content["notes"])
        except (OSError, ValueError, KeyError) as error:
            raise CorruptError(
                f"{folder / _FILE} is missing or damaged ({error}). Prepare again, or copy it again."
            ) from error
        read = {
            group: {
                name: Vocabulary(flat(read_parquet(folder / "vocabulary" / file).column("value")))
                for name, file in files[group].items()
            }
            for group in ("ids", "codes")
        }
        return cls(schema, layout, read["ids"], read["codes"], numbers, reads, notes)
