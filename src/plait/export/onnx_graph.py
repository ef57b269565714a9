"""A module as an ONNX graph on the disk, and a session that runs one: on one thread, from checked bytes."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import torch
from torch import nn

from plait.errors import CorruptError, RunError
from plait.export.reading import Input

if TYPE_CHECKING:
    import onnx
    import onnx_ir as ir
    import onnxruntime

__all__ = ["LARGEST", "folded", "quiet", "session", "session_of", "traced", "trimmed", "whole", "write_onnx"]

LARGEST: Final = 2_000_000_000
"""Bytes of weights beyond which they lie beside the graph: an ONNX file holds at most 2 GiB."""


def traced(module: nn.Module, inputs: Sequence[Input]) -> torch.export.ExportedProgram:
    """Trace a module, for any number of candidates.

    Args:
        module: the module.
        inputs: what it is given, in order.

    Raises:
        RunError: a part of the model does something that no graph can hold.
    """
    shapes = tuple({} if known.fixed else {0: torch.export.Dim.DYNAMIC} for known in inputs)
    try:
        with torch.no_grad(), quiet():
            return torch.export.export(module.eval(), tuple(known.zeros(7) for known in inputs), dynamic_shapes=(shapes,))
    except Exception as error:
        raise RunError(
            "A model should be traced from row vectors to scores, to be exported. Found a part that cannot be: "
            f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}. `plait serve RUN` serves the "
            "run as it is."
        ) from error


def write_onnx(
    program: torch.export.ExportedProgram,
    inputs: Sequence[Input],
    outputs: Sequence[str],
    path: Path,
    largest: int = LARGEST,
) -> list[str]:
    """Write a graph.

    Args:
        program: the traced module.
        inputs: what it is given, in order.
        outputs: what it returns is called, in order.
        path: the file.
        largest: bytes of weights beyond which they lie in a file beside it.

    Returns:
        The names of the files beside it.
    """
    names = [known.name for known in inputs]
    with quiet():
        made = torch.onnx.export(
            program, input_names=names, output_names=list(outputs), dynamo=True, optimize=True, verbose=False
        )
    assert made is not None
    _strip(made.model)
    weights = sum(
        value.const_value.nbytes for value in made.model.graph.initializers.values() if value.const_value is not None
    )
    made.save(path, external_data=weights > largest)
    data = path.with_name(path.name + ".data")
    return [data.name] if data.exists() else []


def _strip(model: ir.Model) -> None:
    """Take out what the exporter notes of the machine and the code it ran on."""
    model.graph.metadata_props.clear()
    for node in model.graph.all_nodes():
        node.metadata_props.clear()
        for value in node.outputs:
            value.metadata_props.clear()
    model.metadata_props.clear()


def session(path: Path, data: list[str]) -> onnxruntime.InferenceSession:
    """Open a graph on one thread.

    Args:
        path: the file, whose SHA-256 was compared.
        data: the files beside it that hold its weights.

    Raises:
        CorruptError: the file is no graph, or reads files that it should not.
    """
    try:
        if data:
            _check_places(path, data)
        # Read from memory a graph knows no folder, so it can lead to no other file.
        return session_of(str(path) if data else path.read_bytes())
    except CorruptError:
        raise
    except Exception as error:
        raise CorruptError(
            f"`{path}` should be an ONNX graph that reads {data or 'no other file'}. Found {type(error).__name__}: "
            f"{str(error)[:200]}. Export the run again."
        ) from error


def session_of(source: str | bytes) -> onnxruntime.InferenceSession:
    """Open a graph, a file or its bytes, on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def folded(path: Path) -> None:
    """Compute what is constant in a graph, however large, and write it over."""
    import onnx
    import onnx_ir
    from onnxscript import optimizer

    model = onnx_ir.load(path)
    optimizer.optimize_ir(model, input_size_limit=LARGEST, output_size_limit=LARGEST)
    plain = onnx_ir.to_proto(model)
    # What was noted of shapes before may be of other constants that had the same name.
    del plain.graph.value_info[:]
    onnx.save(plain, str(path))


def trimmed(path: Path) -> list[str]:
    """Take out of a graph the inputs that nothing reads, write it over, and return the names of those that are left."""
    import onnx_ir

    model = onnx_ir.load(path)
    for value in [value for value in model.graph.inputs if not value.uses() and not value.is_graph_output()]:
        model.graph.inputs.remove(value)
    onnx_ir.save(model, path)
    return [value.name for value in model.graph.inputs if value.name is not None]


def whole(path: Path) -> onnx.ModelProto:
    """Read a graph with its weights."""
    import onnx

    return onnx.load(str(path))


def _check_places(path: Path, data: list[str]) -> None:
    """Make sure that a graph's weights lie in the files that the bundle lists, and nowhere else."""
    import onnx

    graph = onnx.load(str(path), load_external_data=False).graph
    named = {entry.value for tensor in graph.initializer for entry in tensor.external_data if entry.key == "location"}
    if not named <= {*data}:
        raise CorruptError(
            f"`{path}` should hold weights in the files {data} beside it alone. Found `{min(named - {*data})}`. "
            "Export the run again."
        )


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what exporters say of themselves from those who export."""
    names = ("torch.onnx", "torch.onnx._internal.exporter._registration", "onnxscript", "onnx_ir", None)
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    nobody = logging.NullHandler()
    # Where the root has no handler, the first warning to it would put one there for good.
    logging.getLogger().addHandler(nobody)
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.getLogger().removeHandler(nobody)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
