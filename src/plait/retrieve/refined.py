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
_PIECE: Final = 262_144
"""Rows of one product, so that no graph grows beyond what its format can hold."""
_QUERY: Final = 127.0
_PLACE: Final = 63.0
"""The largest whole number of a place. With 127, processors without VNNI would cut sums off at 16 bits."""
_ROUNDING: Final = 1e-5
"""Of float32, relative to the product of the lengths."""


@final
class Refined(Search):
    """Find the same rows as `Exact`, at a quarter of the memory traffic.

    With q = s q' + e and p = z p' + f, where q' and p' are whole numbers and e and f what rounding left over,

        | <q, p> - s z <q', p'> |  <=  |q| |f| + |e| |z p'|

    so that each score lies between two bounds. The k-th largest lower bound is a mark that the k best surely reach; rows
    whose upper bound does not reach it are left out, the few others are compared in float32.

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
        self._scale = known.abs().amax(1).clamp(min=torch.finfo(torch.float32).tiny * _PLACE) / _PLACE
        parts = known / self._scale[:, None]
        whole = parts.round()
        # Of numbers near one: the squares of large ones would be infinite.
        self._left = (parts - whole).norm(dim=1) * self._scale
        self._length = whole.norm(dim=1) * self._scale
        self._products = [_product(part) for part in torch.split(whole.to(torch.int8), _PIECE)]

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
        if not 0 < len(wanted) <= _FEW or not bool(wanted.isfinite().all()):
            return self._exact.top(wanted, count, excluded, allowed)
        every = [
            self._one(query, count, None if excluded is None else excluded[i], allowed) for i, query in enumerate(wanted)
        ]
        return Found(torch.stack([rows for rows, _ in every]), torch.stack([scores for _, scores in every]))

    def _one(
        self, query: Float[Tensor, " R"], count: int, excluded: Int[Tensor, " _"] | None, allowed: Bool[Tensor, " N"] | None
    ) -> tuple[Int[Tensor, " k"], Float[Tensor, " k"]]:
        # All bounds are divided by the query's scale: they are compared with each other alone, and there are many of them.
        scale = float(query.abs().max()) / _QUERY or 1.0
        parts = query / scale
        whole = parts.round()
        reach = float(parts.norm())
        share = float((parts - whole).norm()) / max(reach, 1.0) + _ROUNDING
        given = (whole + 128).to(torch.uint8)[None].numpy()
        found = [torch.from_numpy(product.run(None, {"query": given})[0][0]) for product in self._products]
        apart = torch.add(self._left, self._length, alpha=share)
        low = torch.cat(found).float().mul_(self._scale).sub_(apart, alpha=reach)
        low[self._hidden] = -torch.inf
        if excluded is not None:
            low[excluded.long()] = -torch.inf
        if allowed is not None:
            low.masked_fill_(~allowed, -torch.inf)
        mark = low.topk(min(count, len(low)), sorted=False).values.min()
        rows = (low.add_(apart, alpha=2 * reach) >= mark.clamp(min=torch.finfo(torch.float32).min)).nonzero()[:, 0]
        scores = self._places.index_select(0, rows) @ query
        order = best(scores[None], min(count, len(rows)))[0]
        missing = count - len(order)
        pad = torch.nn.functional.pad
        return pad(rows[order], (0, missing)), pad(scores[order], (0, missing), value=-torch.inf)


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
