"""A scoring module as an ONNX graph on the disk, and a session that runs one: on one thread, from checked bytes."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor

from plait.errors import CorruptError, RunError
from plait.export.scoring import Scoring

if TYPE_CHECKING:
    import onnx_ir as ir
    import onnxruntime

__all__ = ["LARGEST", "example", "session", "traced", "write_onnx"]

LARGEST: Final = 2_000_000_000
"""Bytes of weights beyond which they lie beside the graph: an ONNX file holds at most 2 GiB."""
_TYPES: Final = {"float32": torch.float32, "int64": torch.int64, "bool": torch.bool}


def example(scoring: Scoring, candidates: int) -> tuple[Tensor, ...]:
    """Return inputs of the right shapes."""
    return tuple(
        torch.zeros(1 if known.fixed else candidates, *known.shape, dtype=_TYPES[known.dtype]) for known in scoring.inputs
    )


def traced(scoring: Scoring) -> torch.export.ExportedProgram:
    """Trace a scoring module, for any number of candidates.

    Raises:
        RunError: a part of the model does something that no graph can hold.
    """
    shapes = tuple({} if known.fixed else {0: torch.export.Dim.DYNAMIC} for known in scoring.inputs)
    try:
        with torch.no_grad(), _quiet():
            return torch.export.export(scoring.eval(), example(scoring, 7), dynamic_shapes=(shapes,))
    except Exception as error:
        raise RunError(
            "A model should be traced from row vectors to scores, to be exported. Found a part that cannot be: "
            f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}. `plait serve RUN` serves the "
            "run as it is."
        ) from error


def write_onnx(program: torch.export.ExportedProgram, scoring: Scoring, path: Path, largest: int = LARGEST) -> list[str]:
    """Write a graph.

    Args:
        program: the traced module.
        scoring: the module.
        path: the file.
        largest: bytes of weights beyond which they lie in a file beside it.

    Returns:
        The names of the files beside it.
    """
    names = [known.name for known in scoring.inputs]
    with _quiet():
        made = torch.onnx.export(
            program, input_names=names, output_names=scoring.tasks, dynamo=True, optimize=True, verbose=False
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
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        if data:
            _check_places(path, data)
        # Read from memory a graph knows no folder, so it can lead to no other file.
        source: str | bytes = str(path) if data else path.read_bytes()
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except CorruptError:
        raise
    except Exception as error:
        raise CorruptError(
            f"`{path}` should be an ONNX graph that reads {data or 'no other file'}. Found {type(error).__name__}: "
            f"{str(error)[:200]}. Export the run again."
        ) from error


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
def _quiet() -> Iterator[None]:
    """Keep what the exporter says of itself from those who export."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    inner = logging.getLogger("torch.onnx._internal.exporter._registration")
    levels.append(inner.level)
    loggers.append(inner)
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
