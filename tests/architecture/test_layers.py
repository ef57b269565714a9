"""Who may import whom, and who may import what is heavy."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest


def test_lower_never_imports_upper(root: Path) -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


# Heavy library -> the files that may import it; a folder ends with `/`. A second file wants a seam, not a second import.
HEAVY: dict[str, set[str]] = {
    "ibis": {"data/connection.py", "data/engine.py"},
    "duckdb": {"data/connection.py"},
    "transformers": {
        "encode/audio/frozen.py",
        "encode/image/network.py",
        "encode/pretrained/quiet.py",
        "encode/text/load.py",
    },
    "timm": {"encode/image/network.py"},
    "soundfile": {"data/media/sounds.py"},
    "PIL": {"data/media/pictures.py"},
    "peft": {"encode/text/lora.py"},
    "sentence_transformers": set(),
    "torchjd": {"balance/gradients/borrowed.py"},
    "fastapi": {"serve/http/", "serve/web/"},
    "uvicorn": {"serve/http/worker.py", "serve/http/protocol.py"},
    "tensorboard": {"train/board.py"},
    "onnx": {"export/onnx_graph.py", "export/int8.py", "export/int8_nodes.py", "retrieve/refined.py"},
    "onnx_ir": {"export/onnx_graph.py"},
    "onnxruntime": {"export/onnx_graph.py", "export/int8.py", "export/kept.py", "retrieve/refined.py"},
    "pandas": set(),
}


def _imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


def test_heavy_libraries_stay_where_they_are_needed(root: Path) -> None:
    package = root / "src" / "plait"
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted(package.rglob("*.py")):
        for name in _imported(path) & HEAVY.keys():
            found[name].add(str(path.relative_to(package)))
    strange = {name: [file for file in files if not _may(name, file)] for name, files in found.items()}
    assert {name: files for name, files in strange.items() if files} == {}


def _may(name: str, file: str) -> bool:
    return any(file == known or (known.endswith("/") and file.startswith(known)) for known in HEAVY[name])


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["demo", "--help"]])
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    code = (
        "import sys\n"
        f"sys.argv = ['plait', *{words!r}]\n"
        "from plait.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
        "heavy = {'torch', 'numpy', 'pyarrow', 'duckdb', 'ibis', 'sklearn', 'transformers', 'fastapi'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_importing_plait_imports_no_torch() -> None:
    code = "import sys, plait; assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
