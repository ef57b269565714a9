"""A scoring module compiled to machine code by torch, and what runs it; beside a bundle's graphs where asked for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, final

import torch

from plait.errors import CorruptError, RunError
from plait.export.kept import keep_again
from plait.export.onnx_graph import quiet, traced
from plait.export.reading import Input, Reading
from plait.export.scoring import Scoring
from plait.export.serving import Serving
from plait.run.run import Run

__all__ = ["FOLDER", "Compiled", "check_compiler", "compile_graphs", "compiler"]

FOLDER: Final = "compiled"
"""Where a bundle keeps machine code."""


def compiler() -> str | None:
    """Return the C++ compiler there is."""
    return next(
        (found for name in (os.environ.get("CXX"), "g++", "clang++") if name and (found := shutil.which(name))), None
    )


def check_compiler() -> None:
    """Make sure that there is a C++ compiler.

    Raises:
        RunError: there is none.
    """
    if compiler() is None:
        raise RunError(
            "`--compiled` should find a C++ compiler, since torch writes C++. Found none of $CXX, g++ and clang++. Install "
            "one (Debian: apt-get install g++), or export without: the ONNX graphs need none."
        )


def compile_graphs(run: Run, folder: Path, serving: Serving) -> Serving:
    """Compile what a bundle's graphs compute, for this kind of machine, with the compiler that was made sure of.

    Args:
        run: the run.
        folder: the bundle.
        serving: what it says of itself.
    """
    assert serving.table is not None
    reading = Reading(run.layout, serving.table, {name: key.fixed for name, key in serving.keys.items()})
    made = {}
    (folder / FOLDER).mkdir()
    for name, graph in serving.graphs.items():
        scoring = Scoring(run.model, run.prepared, reading, [output.task for output in graph.outputs])
        keep_again(scoring, graph.inputs)
        place = folder / FOLDER / f"{name}.pt2"
        scoring.read([known.name for known in graph.inputs])
        program = traced(scoring, graph.inputs)
        with quiet(), torch.no_grad():
            torch._inductor.aoti_compile_and_package(program, package_path=str(place), inductor_configs={"cpp.threads": 1})
        made[name] = f"{FOLDER}/{place.name}"
    return serving.model_copy(update={"compiled": made})


@final
class Compiled:
    """Runs machine code that torch compiled. It is machine code: whoever made it may do anything.

    Args:
        path: the package, whose SHA-256 was compared.
        inputs: what it is fed, in order.
        outputs: the tasks, in the order in which they come out.

    Raises:
        CorruptError: it cannot be loaded on this machine.
    """

    def __init__(self, path: Path, inputs: Sequence[Input], outputs: Sequence[str]) -> None:
        self._inputs = [known.name for known in inputs]
        self._outputs = list(outputs)
        try:
            with quiet():
                self._run = torch._inductor.aoti_load_package(str(path))
        except Exception as error:
            raise CorruptError(
                f"`{path}` should be machine code for this machine and torch {torch.__version__}. Found "
                f"{type(error).__name__}: {str(error)[:200]}. Export the run again here, or serve with `--runtime onnx`."
            ) from error

    def run(self, outputs: Sequence[str], fed: Mapping[str, Any]) -> list[Any]:
        """Return some outputs, as `onnxruntime` would."""
        with torch.no_grad():
            said = self._run(*(torch.from_numpy(fed[name]) for name in self._inputs))
        found = dict(zip(self._outputs, said, strict=True))
        return [found[name].numpy() for name in outputs]
