"""Approximate search with faiss: places in cells, and a query looks into the nearest cells only."""

import hashlib
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, final

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from plait.errors import CorruptError, MissingExtraError, RecipeError
from plait.retrieve.base import Found, Search, merged
from plait.retrieve.exact import Exact

__all__ = ["Cells", "installed"]

_FEW: Final = 20_000
_PER_CELL: Final = 64
_ROUNDS: Final = 10
_CHUNK: Final = 65_536


def installed() -> bool:
    """Say whether faiss is there."""
    return find_spec("faiss") is not None


@final
class Cells(Search):
    """Search in cells (IVF-flat): k-means puts the places in cells, and only the cells nearest to a query are compared.

    An index never changes: it is built by one thread, checked, and replaced whole. Where few rows are allowed, or the
    cells hold too few of them, the allowed rows are compared one by one, so a filter never costs an answer.

    Args:
        places: one place per row; row 0 is not searched.
        cells: how many cells; about the root of the number of rows.
        probes: how many cells a query looks into.
        seed: of the k-means.

    References:
        Douze et al.: The Faiss library, 2024, https://arxiv.org/abs/2401.08281.
    """

    def __init__(self, places: Float[Tensor, "N R"], cells: int | None = None, probes: int = 32, seed: int = 0) -> None:
        faiss = _faiss()
        self._exact = Exact(places)
        self._places = places.float().contiguous()
        self._known = self._finite()
        count = cells if cells is not None else max(1, round(len(self._known) ** 0.5))
        if not 1 <= count <= max(len(self._known), 1) or probes < 1:
            raise RecipeError(
                "`cells` should be between 1 and the number of rows, `probes` at least 1, since a query looks into so many "
                f"of them. Found {count} cells of {len(self._known)} rows and {probes} probes."
            )
        self._draw(faiss, count, seed)
        self._fill(faiss, probes)

    @classmethod
    def load(cls, file: Path, places: Float[Tensor, "N R"], probes: int = 32) -> "Cells":
        """Read an index that `save` wrote.

        Args:
            file: that file.
            places: the places it was built over.
            probes: how many cells a query looks into.

        Raises:
            CorruptError: the file is altered, or was built over other places.
        """
        faiss = _faiss()
        self = cls.__new__(cls)
        self._exact, self._places = Exact(places), places.float().contiguous()
        self._known = self._finite()
        try:
            with safe_open(file, "pt") as kept:
                said = (kept.metadata() or {}).get("sha256", "")
                self._centroids, self._cell_of = kept.get_tensor("centroids"), kept.get_tensor("cells")
        except (SafetensorError, OSError) as error:
            raise CorruptError(f"`{file}` should be an index of cells. {error}. Build it anew.") from error
        if said != self._digest():
            raise CorruptError(
                f"`{file}` should be the index of these {len(places) - 1} places, unaltered. Found another SHA-256. "
                "Build it anew."
            )
        self._fill(faiss, probes)
        return self

    def save(self, file: Path) -> None:
        """Write the cells; the places stay where they are."""
        save_file({"centroids": self._centroids, "cells": self._cell_of}, file, {"sha256": self._digest()})

    def top(
        self,
        queries: Float[Tensor, "B R"],
        count: int,
        excluded: Sequence[Int[Tensor, "_"]] | None = None,
        allowed: Bool[Tensor, " N"] | None = None,
    ) -> Found:
        """Return the best rows for each query; see `Search.top`."""
        self.check(queries, count, excluded, allowed)
        if allowed is not None and int(allowed.sum()) <= _FEW:
            return self._exact.top(queries, count, excluded, allowed)
        parts = [
            self._one(query[None].float(), count, None if excluded is None else excluded[i], allowed)
            for i, query in enumerate(queries)
        ]
        if not parts:
            return self._exact.top(queries, count)
        return Found(torch.cat([part.rows for part in parts]), torch.cat([part.scores for part in parts]))

    def _one(self, query: Tensor, count: int, excluded: Tensor | None, allowed: Tensor | None) -> Found:
        faiss = _faiss()
        bits = None
        many = 0
        if excluded is not None or allowed is not None:
            shown = torch.ones(self.rows + 1, dtype=torch.bool) if allowed is None else allowed.clone()
            if excluded is not None:
                shown[excluded.long()] = False
            many = int(shown[1:].sum())
            bits = np.packbits(shown.numpy(), bitorder="little")
        choice = None if bits is None else faiss.IDSelectorBitmap(len(bits), faiss.swig_ptr(bits))
        options = faiss.SearchParametersIVF(sel=choice, nprobe=self._probes)
        _, rows = self._index.search(query.numpy(), min(count, max(self.rows, 1)), params=options)
        real = torch.from_numpy(rows[0][rows[0] >= 0])
        wanted = min(count, many if bits is not None else len(self._known))
        if len(real) < wanted:
            none = None if excluded is None else [excluded]
            return self._exact.top(query, count, none, allowed)
        scores = (self._places.index_select(0, real) * query).sum(1)
        empty = count - len(real)
        rows_and_none = torch.cat([real, real.new_zeros(empty)])[None]
        scores_and_none = torch.cat([scores, scores.new_full((empty,), -torch.inf)])[None]
        return merged([Found(rows_and_none, scores_and_none)], count)

    def _finite(self) -> Int[Tensor, " n"]:
        """Return the rows that can be found."""
        self.rows, self.width = max(len(self._places) - 1, 0), self._places.shape[1]
        return self._places[1:].isfinite().all(dim=1).nonzero()[:, 0] + 1

    def _draw(self, faiss: Any, count: int, seed: int) -> None:  # noqa: ANN401  # A module without types.
        """Find the cells, and the cell of every row."""
        draw = torch.Generator().manual_seed(seed)
        some = self._known[torch.randperm(len(self._known), generator=draw)[: count * _PER_CELL]]
        means = faiss.Kmeans(
            self.width, count, niter=_ROUNDS, seed=seed, spherical=True, min_points_per_centroid=1,
            max_points_per_centroid=_PER_CELL,
        )  # fmt: skip
        if len(some):
            means.train(self._places.index_select(0, some).numpy())
        drawn = means.centroids if len(some) else np.zeros((count, self.width), np.float32)
        self._centroids = torch.from_numpy(np.array(drawn, np.float32).reshape(count, self.width))
        self._cell_of = torch.zeros(len(self._places), dtype=torch.int64)
        for rows in torch.split(self._known, _CHUNK):
            self._cell_of[rows] = self._nearest(faiss, self._places.index_select(0, rows))

    def _nearest(self, faiss: Any, places: Tensor) -> Int[Tensor, " n"]:  # noqa: ANN401
        cells = faiss.IndexFlatIP(self.width)
        cells.add(self._centroids.numpy())
        return torch.from_numpy(cells.search(places.numpy(), 1)[1][:, 0])

    def _fill(self, faiss: Any, probes: int) -> None:  # noqa: ANN401
        """Lay the rows into their cells, and make sure that each of them finds itself."""
        self._quantizer = faiss.IndexFlatIP(self.width)
        self._quantizer.add(self._centroids.numpy())
        index = faiss.IndexIVFFlat(self._quantizer, self.width, len(self._centroids), faiss.METRIC_INNER_PRODUCT)
        index.is_trained = True
        self._probes = min(probes, len(self._centroids))
        for rows in torch.split(self._known, _CHUNK):
            places = self._places.index_select(0, rows).numpy()
            numbers, cells = rows.numpy(), self._cell_of.index_select(0, rows).numpy()
            index.add_core(len(rows), faiss.swig_ptr(places), faiss.swig_ptr(numbers), faiss.swig_ptr(cells), None)
        self._index = index
        self._check_all(faiss)

    def _check_all(self, faiss: Any) -> None:  # noqa: ANN401
        """Look every row up: it has to lie, unaltered, in the cell that a search for it looks into first."""
        met = torch.zeros(len(self._places), dtype=torch.bool)
        lists = self._index.invlists
        for cell in range(len(self._centroids)):
            size = lists.list_size(cell)
            if not size:
                continue
            rows = torch.from_numpy(faiss.rev_swig_ptr(lists.get_ids(cell), size).copy())
            raw = faiss.rev_swig_ptr(lists.get_codes(cell), size * self.width * 4).copy()
            kept = torch.from_numpy(raw.view(np.float32).reshape(size, self.width))
            met[rows] = (self._cell_of[rows] == cell) & (kept == self._places.index_select(0, rows)).all(dim=1)
        lost = int((~met[self._known]).sum())
        if lost:
            raise CorruptError(
                f"Every row of an index should find itself. Found {lost} of {len(self._known)} that do not. Build it anew."
            )

    def _digest(self) -> str:
        found = hashlib.sha256(f"{tuple(self._places.shape)} {tuple(self._centroids.shape)}".encode())
        for tensor in (self._places, self._centroids, self._cell_of):
            found.update(tensor.contiguous().numpy().data)
        return found.hexdigest()


def _faiss() -> Any:  # noqa: ANN401  # A module without types.
    try:
        import faiss
    except ImportError as error:
        raise MissingExtraError(
            "Approximate search needs faiss: `pip install 'plait[faiss]'`. Without it every place is compared."
        ) from error
    faiss.omp_set_num_threads(1)
    return faiss
