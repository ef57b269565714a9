"""One node for product, scales and bias says what the four say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from plait.export import int8

ROWS = np.random.default_rng(3).normal(size=(7, 8)).astype(np.float32)


def graph(path: Path, bias: str) -> Path:
    """Write relu(x W (+ b)) V, where b may be a vector or come with each request."""
    draw = np.random.default_rng(5)
    constants = {"w": draw.normal(size=(8, 16)), "b": draw.normal(size=16), "v": draw.normal(size=(16, 3))}
    inputs = [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["rows", 8])]
    nodes = [helper.make_node("MatMul", ["x", "w"], ["product"], name="first")]
    if bias == "none":
        nodes.append(helper.make_node("Relu", ["product"], ["seen"]))
    else:
        nodes += [helper.make_node("Add", ["product", bias], ["sum"]), helper.make_node("Relu", ["sum"], ["seen"])]
        if bias == "given":
            inputs.append(helper.make_tensor_value_info("given", onnx.TensorProto.FLOAT, [1, 16]))
    nodes.append(helper.make_node("MatMul", ["seen", "v"], ["y"], name="second"))
    held = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in constants.items()]
    said = [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["rows", 3])]
    model = helper.make_model(helper.make_graph(nodes, "g", inputs, said, held), opset_imports=[helper.make_opsetid("", 20)])
    model.ir_version = 10
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize("bias", ["b", "given", "none"])
def test_one_node_says_what_four_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bias: str) -> None:
    fed = {"x": ROWS} | ({"given": np.full((1, 16), 0.3, np.float32)} if bias == "given" else {})
    one, four = graph(tmp_path / "one.onnx", bias), graph(tmp_path / "four.onnx", bias)
    exact = onnxruntime.InferenceSession(str(one)).run(None, fed)[0]
    int8.quantise_graph(one, [fed])
    with monkeypatch.context() as patch:
        patch.setattr(int8, "fuse", lambda model: None)
        int8.quantise_graph(four, [fed])
    kinds = [node.op_type for node in onnx.load(str(one)).graph.node]
    assert kinds.count("MatMulIntegerToFloat") == 2 and "MatMulInteger" not in kinds and "Cast" not in kinds
    assert ("Add" in kinds) == (bias == "given"), "only a constant vector becomes part of the node"
    assert "MatMulInteger" in [node.op_type for node in onnx.load(str(four)).graph.node]
    said, meant = (onnxruntime.InferenceSession(str(path)).run(None, fed)[0] for path in (one, four))
    np.testing.assert_allclose(said, meant, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(said, exact, atol=0.2)


def test_a_vector_of_another_length_is_no_bias(tmp_path: Path) -> None:
    path = graph(tmp_path / "one.onnx", "b")
    model = onnx.load(str(path))
    for held in model.graph.initializer:
        if held.name == "b":
            held.CopyFrom(numpy_helper.from_array(np.array([0.5], np.float32), "b"))
    path.write_bytes(model.SerializeToString())
    exact = onnxruntime.InferenceSession(str(path)).run(None, {"x": ROWS})[0]
    int8.quantise_graph(path, [{"x": ROWS}])
    np.testing.assert_allclose(onnxruntime.InferenceSession(str(path)).run(None, {"x": ROWS})[0], exact, atol=0.3)
