"""What a rule forbids rows of a table: each row is of a kind, and a small table says which candidates its kind forbids."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from plait.data.files import file_name, read_parquet, write_parquet
from plait.data.values import flat

__all__ = ["Ruled", "load_rules", "save_rules"]

_FOLDER: Final = "rules"


@final
@dataclass(frozen=True, slots=True)
class Ruled:
    """What a rule forbids some rows."""

    kinds: Int[Tensor, " B"]
    """What kind each row is of, as far as the rule can tell rows apart."""
    forbidden: Bool[Tensor, "Q C"]
    """Whether a kind of row forbids a kind of candidate; one column where the task has no candidates."""

    def at(self, rows: Int[Tensor, " b"]) -> "Ruled":
        """Return the same of some rows, by place."""
        return Ruled(self.kinds.index_select(0, rows), self.forbidden)

    def to(self, device: torch.device) -> "Ruled":
        """Return the same on a device."""
        return Ruled(self.kinds.to(device, non_blocking=True), self.forbidden.to(device, non_blocking=True))

    def outcome(self) -> Bool[Tensor, " B"]:
        """Return whether the outcome is forbidden to each row, for a task without candidates."""
        return self.forbidden[:, 0].index_select(0, self.kinds)

    def pairs(self, candidates: Int[Tensor, " N"]) -> Bool[Tensor, "B N"]:
        """Return whether each row forbids each candidate.

        Args:
            candidates: of what kind each candidate is.
        """
        return self.forbidden.index_select(1, candidates).index_select(0, self.kinds)


def save_rules(ruled: dict[str, Ruled], kinds: dict[str, Tensor], folder: Path) -> None:
    """Write what rules forbid.

    Args:
        ruled: rule -> what it forbids the rows of its table.
        kinds: rule about a retrieval task -> of what kind each candidate is.
        folder: the prepared folder.
    """
    for name, known in ruled.items():
        place = folder / _FOLDER / file_name(name)
        place.mkdir(parents=True, exist_ok=True)
        wide = pa.FixedSizeListArray.from_arrays(pa.array(known.forbidden.flatten().numpy()), known.forbidden.shape[1])
        write_parquet(pa.table({"forbidden": wide}), place / "forbidden.parquet")
        write_parquet(pa.table({"kind": pa.array(known.kinds.numpy())}), place / "rows.parquet")
        if name in kinds:
            write_parquet(pa.table({"kind": pa.array(kinds[name].numpy())}), place / "candidates.parquet")


def load_rules(names: list[str], folder: Path) -> tuple[dict[str, Ruled], dict[str, Tensor]]:
    """Read what `save_rules` wrote."""
    ruled, kinds = {}, {}
    for name in names:
        place = folder / _FOLDER / file_name(name)
        wide = flat(read_parquet(place / "forbidden.parquet").column("forbidden"))
        forbidden = np.array(wide.flatten().to_numpy(zero_copy_only=False), dtype=np.bool_)
        ruled[name] = Ruled(_kinds(place / "rows.parquet"), torch.from_numpy(forbidden.reshape(-1, wide.type.list_size)))
        if (candidates := place / "candidates.parquet").exists():
            kinds[name] = _kinds(candidates)
    return ruled, kinds


def _kinds(path: Path) -> Tensor:
    return torch.from_numpy(np.array(flat(read_parquet(path).column("kind")).to_numpy(zero_copy_only=False)))
