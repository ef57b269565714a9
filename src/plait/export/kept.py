"""What the first layers of a body make of each candidate, multiplied once and stored: an answer begins with the sum.

    W [a; b_c; d_ac] + b = (W_a a + b) + W_b b_c + W_d d_ac

with a what is known of the user, b_c what is known of candidate c, and d_ac what is known of both together, such as what
attention reads of a history. `W_b b_c` is stored. Of wide experts it is thousands of numbers a candidate: it costs memory.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from torch import Tensor, nn

from plait.export.onnx_graph import traced, write_onnx
from plait.export.reading import Input
from plait.export.scoring import Scoring
from plait.export.serving import Graph

if TYPE_CHECKING:
    import onnxruntime

__all__ = ["KEPT", "PAYS", "Products", "keep", "keep_again", "products"]

KEPT: Final = "kept"
"""How products are called that are looked up: all those of a candidate lie side by side, since memory is read in runs."""
PAYS: Final = 64
"""From how many numbers of a candidate on a product with them costs more than to look it up."""
_CHUNK: Final = 4_096


@final
class Products(nn.Module):
    """Multiply candidates' own rows by what reads them of every layer.

    Args:
        scoring: scores candidates.

    Attributes:
        inputs: what `forward` is given, in order: what is looked up of candidates.

    Shape:
        `inputs`, each of B rows -> one `[B, H]` for each layer that reads the joint input.
    """

    def __init__(self, scoring: Scoring) -> None:
        super().__init__()
        self.scoring = scoring
        self.inputs = [known for known in scoring.inputs if known.by == "row" and not known.fixed]

    def forward(self, *own: Tensor) -> tuple[Float[Tensor, "B _"], ...]:
        """Return the products, in the order in which the layers come."""
        size = own[0].shape[0]
        given = {known.name: known.zeros(size) for known in self.scoring.inputs}
        given |= {known.name: rows for known, rows in zip(self.inputs, own, strict=True)}
        return tuple(
            product
            for number in range(len(self.scoring.groups))
            for product in self.scoring.shared(number, given, size, apart=True)[2]
        )


def keep(
    scoring: Scoring, path: Path, rows: int, most: float, largest: int, *, int8: bool = False
) -> tuple[Graph | None, int]:
    """Let a scoring module look its first products up, where that pays and they take no more than some bytes.

    Args:
        scoring: the module.
        path: where the graph is written that makes them.
        rows: how many candidates there are in all.
        most: bytes.
        largest: bytes of weights beyond which they lie in a file beside the graph.
        int8: whether products will be in whole numbers of 8 bits, which take half the time.

    Returns:
        The graph, None where nothing is looked up; and the bytes that this takes, or would take if it were allowed: 0 where
        it does not pay.
    """
    module = Products(scoring)
    if not most or sum(math.prod(known.shape) for known in module.inputs) < (2 * PAYS if int8 else PAYS):
        return None, 0
    program = traced(module, module.inputs)
    wide = _widths(program)
    size = sum(wide) * rows * (torch.int8 if int8 else torch.float32).itemsize
    if not 0 < size <= most:
        return None, size
    scoring.keep(KEPT, wide)
    names = [f"{KEPT}:{place}" for place in range(len(wide))]
    data = write_onnx(program, module.inputs, names, path, largest)
    return Graph(file=path.name, data=data, inputs=module.inputs, outputs=[]), size


def keep_again(scoring: Scoring, inputs: Sequence[Input]) -> None:
    """Let a scoring module look up what a graph of the same tasks looks up."""
    if any(known.name == KEPT for known in inputs):
        module = Products(scoring)
        scoring.keep(KEPT, _widths(traced(module, module.inputs)))


def products(
    session: "onnxruntime.InferenceSession", inputs: Sequence[Input], rows: Mapping[str, npt.NDArray[Any]]
) -> dict[str, npt.NDArray[np.float32]]:
    """Return the first products of some candidates, side by side, under the name by which they are looked up.

    Args:
        session: the graph that `keep` wrote.
        inputs: what it is fed.
        rows: what else is looked up of these candidates, by name.
    """
    size = len(rows[inputs[0].tensor])
    fed = ({k.name: rows[k.tensor][start : start + _CHUNK] for k in inputs} for start in range(0, size, _CHUNK))
    return {KEPT: np.concatenate([np.concatenate(session.run(None, some), axis=1) for some in fed])}


def _widths(program: torch.export.ExportedProgram) -> list[int]:
    """Return how many numbers each output has for a candidate."""
    return [node.meta["val"].shape[1] for node in program.graph.output_node().args[0]]
