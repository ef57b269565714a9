"""Products in whole numbers with their scales and bias as one node, which ONNX Runtime has beside the standard's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import onnx

__all__ = ["fuse"]

_OWN: Final = "com.microsoft"


def fuse(model: onnx.ModelProto) -> None:
    """Put one node in place of each product, its two scales and, where there is one, its bias.

    The optimiser of ONNX Runtime does so where scales come from each request, and not where they are constants. Apart, they
    take as long as the product in whole numbers saves.
    """
    from onnx import helper

    view = _View(model.graph)
    made: dict[str, onnx.NodeProto] = {}
    gone: set[str] = set()
    for node in model.graph.node:
        whole = node.op_type == "MatMulInteger" and len(node.input) == 4
        cast = view.reader(node, "Cast") if whole else None
        last = view.reader(cast, "Mul") if cast is not None else None
        scales = view.scales(last) if last is not None else None
        if cast is None or last is None or scales is None:
            continue
        gone |= {node.output[0], cast.output[0], last.output[0], scales.output[0]}
        add = view.reader(last, "Add")
        wide = view.shapes.get(node.input[1], ())[-1:]
        bias = [] if add is None else [name for name in add.input if view.shapes.get(name) == wide]
        if add is not None and bias:
            last = add
        inputs = [*node.input[:2], *scales.input, *node.input[2:], *bias]
        made[last.output[0]] = helper.make_node("MatMulIntegerToFloat", inputs, [last.output[0]], domain=_OWN)
    nodes = [
        made.get(node.output[0], node) for node in model.graph.node if node.output[0] in made or node.output[0] not in gone
    ]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    if made and all(known.domain != _OWN for known in model.opset_import):
        model.opset_import.append(helper.make_opsetid(_OWN, 1))


class _View:
    """Who makes and who reads what in a graph.

    Args:
        graph: the graph.

    Attributes:
        shapes: of the constants.
    """

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._maker = {name: node for node in graph.node for name in node.output}
        self._readers: dict[str, list[onnx.NodeProto]] = {}
        for node in graph.node:
            for name in node.input:
                self._readers.setdefault(name, []).append(node)
        self._said = {output.name for output in graph.output}
        self.shapes = {known.name: (*known.dims,) for known in graph.initializer}

    def reader(self, node: onnx.NodeProto, kind: str) -> onnx.NodeProto | None:
        """Return the node that alone reads what a node makes, if it is of a kind."""
        found = self._readers.get(node.output[0], [])
        alone = len(found) == 1 and found[0].op_type == kind and node.output[0] not in self._said
        return found[0] if alone else None

    def scales(self, product: onnx.NodeProto) -> onnx.NodeProto | None:
        """Return the product of two scales that a product is multiplied by."""
        found = [self._maker[name] for name in product.input if name in self._maker]
        return next((node for node in found if node.op_type == "Mul" and self.reader(node, "Mul") is not None), None)
