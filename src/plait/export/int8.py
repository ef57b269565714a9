"""Whole numbers of 8 bits in place of fp32: the weights of products and the stored vectors; a quarter of the size.

    x W  is computed as  s z (round(x / s) round(W / z)),    the inner product in whole numbers

with a scale z for each column of W and a scale s for what is read. s is taken from real requests, once: were it taken from
each request, what is said of an item would depend on the other items of that request.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from plait.export.int8_nodes import fuse
from plait.export.onnx_graph import folded, quiet, session_of, whole
from plait.export.store import SCALE, quantised

if TYPE_CHECKING:
    import onnx

__all__ = ["quantise_graph", "quantise_tensors"]

Array = npt.NDArray[Any]
_LEVELS: Final = 255


def quantise_tensors(tensors: Mapping[str, Array]) -> dict[str, Array]:
    """Round the vectors of rows, each with a scale of its own; numbers of rows and domains stay."""
    found: dict[str, Array] = {}
    for name, tensor in tensors.items():
        if tensor.dtype == np.float32 and tensor.ndim == 2 and tensor.shape[1]:
            found[name], found[name + SCALE] = quantised(tensor)
        else:
            found[name] = tensor
    return found


def quantise_graph(path: Path, requests: Iterable[Mapping[str, Array]]) -> None:
    """Quantise the products of a graph that have constant weights.

    Args:
        path: the graph; it is written over.
        requests: what it is fed in real requests, for the scales of what products read.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    folded(path)
    made = path.with_name("int8-" + path.name)
    with quiet():
        # Weights of 7 bits: with 8, processors without VNNI cut sums off at 16 bits, and a bundle would say there what it
        # says nowhere else.
        quantize_dynamic(
            path, made, per_channel=True, reduce_range=True, weight_type=QuantType.QInt8, nodes_to_exclude=_thin(whole(path))
        )
    model = whole(made)
    made.unlink()
    read = [node.input[0] for node in model.graph.node if node.op_type == "DynamicQuantizeLinear"]
    _fix_scales(model, _ranges(path, read, requests))
    fuse(model)
    del model.graph.value_info[:]
    path.write_bytes(model.SerializeToString())


def _thin(model: onnx.ModelProto) -> list[str]:
    """Name the products with one column: they are over before what they read is rounded."""
    thin = {known.name for known in model.graph.initializer if len(known.dims) == 2 and 1 in known.dims}
    found = [node.name for node in model.graph.node if node.op_type in ("MatMul", "Gemm") and node.input[1] in thin]
    # The product of a Gemm is taken apart from its bias first, and renamed.
    return [*found, *(f"{name}_MatMul" for name in found)]


def _ranges(path: Path, names: list[str], requests: Iterable[Mapping[str, Array]]) -> dict[str, tuple[float, float]]:
    """Return the smallest and the largest number that some products read; 0 is always between them."""
    model = whole(path)
    given = {known.name for known in model.graph.input}
    inner = [name for name in dict.fromkeys(names) if name not in given]
    known = {output.name for output in model.graph.output}
    for name in inner:
        if name not in known:
            model.graph.output.add().name = name
    asked = session_of(model.SerializeToString())
    found = dict.fromkeys(names, (0.0, 0.0))
    for fed in requests:
        said = dict(zip(inner, asked.run(inner, dict(fed)), strict=True)) if inner else {}
        for name in found:
            values = fed[name] if name in given else said[name]
            if values.size:
                low, high = found[name]
                found[name] = min(low, float(values.min())), max(high, float(values.max()))
    return found


def _fix_scales(model: onnx.ModelProto, ranges: Mapping[str, tuple[float, float]]) -> None:
    """Put constant scales where a graph would take them from each request."""
    from onnx import helper, numpy_helper

    nodes = list(model.graph.node)
    del model.graph.node[:]
    for node in nodes:
        if node.op_type != "DynamicQuantizeLinear":
            model.graph.node.append(node)
            continue
        low, high = ranges[node.input[0]]
        scale = max(high - low, 1e-12) / _LEVELS
        zero = np.clip(np.rint(-low / scale), 0, _LEVELS)
        number, of_scale, of_zero = node.output
        model.graph.initializer.append(numpy_helper.from_array(np.array(scale, np.float32), of_scale))
        model.graph.initializer.append(numpy_helper.from_array(np.array(zero, np.uint8), of_zero))
        model.graph.node.append(helper.make_node("QuantizeLinear", [node.input[0], of_scale, of_zero], [number]))
