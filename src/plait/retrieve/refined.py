"""Exact search in two steps: products of 8 bits bound every score, and only rows that may be among the best are compared."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from plait.retrieve.base import Found, Search
from plait.retrieve.exact import Exact, best

if TYPE_CHECKING:
    import onnxruntime

__all__ = ["Refined"]

_FEW: Final = 4
"""Queries that are answered one by one; more of them together are a product of matrices, which is quicker in float32."""
_PIECE: Final = 2**24
"""Numbers of one product, so that no graph grows beyond what its format can hold."""
_QUERY: Final = 127.0
_PLACE: Final = 63.0
"""The largest whole number of a place. With 127, processors without VNNI would cut sums off at 16 bits."""
_ROUNDING: Final = 1e-5
"""Of float32, relative to the product of the lengths."""
_SHARE: Final = 0.2
"""Of the rows; where so many may be among the best, the bounds say nothing."""
_LARGEST: Final = 1e30
"""Beyond it products of places may be infinite, and below its inverse those of queries nothing."""


@final
class Refined(Search):
    """Find the same rows as `Exact`, up to what float32 cannot tell apart, at a quarter of the memory traffic.

    With q = s q' + e and p = z p' + f, where q' and p' are whole numbers and e and f what rounding left over,

        | <q, p> - s z <q', p'> |  <=  |q| |f| + |e| |z p'|

    so that each score lies between two bounds. The k-th largest lower bound is a mark that the k best surely reach; rows
    whose upper bound does not reach it are left out, the few others are compared in float32. Where they are not few, or
    numbers are so large or small that bounds would not hold, `Exact` answers.

    Args:
        places: one place per row; row 0 is not searched.

    References:
        Seidl, Kriegel: Optimal Multi-Step k-Nearest Neighbor Search, SIGMOD 1998, https://doi.org/10.1145/276304.276319:
        filter by a bound, then refine.
    """

    def __init__(self, places: Float[Tensor, "N R"]) -> None:
        self._exact = Exact(places)
        self.rows, self.width = self._exact.rows, self._exact.width
        self._places = self._exact.places
        finite = self._exact.finite.clone()
        finite[:1] = False
        self._hidden = (~finite).nonzero()[:, 0]
        known = self._places.masked_fill(~finite[:, None], 0.0)
        self._bounded = self.rows > 0 and self.width > 0 and bool((known.abs() < _LARGEST).all())
        rounded = [_rounded(part) for part in torch.split(known, max(_PIECE // self.width, 1))] if self._bounded else []
        self._products = [_product(whole) for _, _, _, whole in rounded]
        self._scale, self._left, self._length = (
            torch.cat([part[place] for part in rounded]) if rounded else known.new_zeros(0) for place in range(3)
        )

    def top(
        self,
        queries: Float[Tensor, "B R"],
        count: int,
        excluded: Sequence[Int[Tensor, "_"]] | None = None,
        allowed: Bool[Tensor, " N"] | None = None,
    ) -> Found:
        """Return the best rows for each query; see `Search.top`."""
        self.check(queries, count, excluded, allowed)
        wanted = queries.float()
        sizes = wanted.abs().amax(1)
        if not (self._bounded and 0 < len(wanted) <= _FEW and bool(((sizes > 1 / _LARGEST) & (sizes < _LARGEST)).all())):
            return self._exact.top(wanted, count, excluded, allowed)
        found = []
        for i, query in enumerate(wanted):
            hidden = None if excluded is None else excluded[i]
            rows = self._likely(query, count, hidden, allowed)
            if len(rows) > max(count, _SHARE * self.rows):
                return self._exact.top(wanted, count, excluded, allowed)
            found.append(self._compared(query, count, rows))
        return Found(torch.stack([rows for rows, _ in found]), torch.stack([scores for _, scores in found]))

    def _likely(
        self, query: Float[Tensor, " R"], count: int, excluded: Int[Tensor, " _"] | None, allowed: Bool[Tensor, " N"] | None
    ) -> Int[Tensor, " n"]:
        """Return the rows that may be among the best, in ascending order."""
        # All bounds are divided by the query's scale: they are compared with each other alone, and there are many of them.
        parts = query / (query.abs().max() / _QUERY)
        whole = parts.round()
        reach = float(parts.norm())
        share = float((parts - whole).norm()) / reach + _ROUNDING
        given = (whole + 128).to(torch.uint8)[None].numpy()
        found = [torch.from_numpy(product.run(None, {"query": given})[0][0]) for product in self._products]
        apart = torch.add(self._left, self._length, alpha=share)
        low = torch.cat(found).float().mul_(self._scale).sub_(apart, alpha=reach)
        low[self._hidden] = -torch.inf
        if excluded is not None:
            low[excluded[(excluded >= 0) & (excluded <= self.rows)].long()] = -torch.inf
        if allowed is not None:
            low.masked_fill_(~allowed, -torch.inf)
        mark = low.topk(min(count, len(low)), sorted=False).values.min()
        reached = low.add_(apart, alpha=2 * reach) >= mark.clamp(min=torch.finfo(torch.float32).min)
        return reached.nonzero()[:, 0]

    def _compared(
        self, query: Float[Tensor, " R"], count: int, rows: Int[Tensor, " n"]
    ) -> tuple[Int[Tensor, " k"], Float[Tensor, " k"]]:
        """Return the best of some rows, and their scores."""
        # Row by row: in a product of matrices the rounding of a score depends on where its row stands among the others.
        scores = (self._places.index_select(0, rows) * query).sum(1)
        order = best(scores[None], min(count, len(rows)))[0]
        missing = count - len(order)
        pad = torch.nn.functional.pad
        return pad(rows[order], (0, missing)), pad(scores[order], (0, missing), value=-torch.inf)


def _rounded(
    places: Float[Tensor, "n R"],
) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"], Float[Tensor, " n"], Int[Tensor, "n R"]]:
    """Return each place's scale, the length of what rounding leaves over, that of what it keeps, and the whole numbers."""
    scale = places.abs().amax(1).clamp(min=torch.finfo(torch.float32).tiny * _PLACE) / _PLACE
    parts = places / scale[:, None]
    whole = parts.round()
    # Of numbers near one: the squares of small or large ones would be nothing or infinite.
    return scale, parts.sub_(whole).norm(dim=1) * scale, whole.norm(dim=1) * scale, whole.to(torch.int8)


def _product(places: Int[Tensor, "n R"]) -> "onnxruntime.InferenceSession":
    """Return what multiplies a query of whole numbers with places of whole numbers; nothing in torch does so as fast."""
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    width, rows = places.shape[1], places.shape[0]
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["query", "places", "zero"], ["products"])],
        "products",
        [helper.make_tensor_value_info("query", TensorProto.UINT8, [1, width])],
        [helper.make_tensor_value_info("products", TensorProto.INT32, [1, rows])],
        [
            numpy_helper.from_array(places.T.contiguous().numpy(), "places"),
            numpy_helper.from_array(torch.tensor(128, dtype=torch.uint8).numpy(), "zero"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
