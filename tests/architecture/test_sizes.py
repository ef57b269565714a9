"""Files, functions and constructors stay small enough to be read."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

FILE_LINES = 400
FUNCTION_LINES = 60
CONSTRUCTOR_PARAMETERS = 8


def _sources(root: Path) -> Iterator[tuple[str, str]]:
    for folder in ("src", "tests", "bench"):
        for path in sorted((root / folder).rglob("*.py")):
            yield str(path.relative_to(root)), path.read_text()


@cache
def _functions(text: str) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def test_no_file_is_too_long(root: Path) -> None:
    long = {name: lines for name, text in _sources(root) if (lines := len(text.splitlines())) > FILE_LINES}
    assert long == {}, f"at most {FILE_LINES} lines: one idea a file"


def test_no_function_is_too_long(root: Path) -> None:
    long = {
        f"{name}:{node.lineno} {node.name}": lines
        for name, text in _sources(root)
        for node in _functions(text)
        if (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES
    }
    assert long == {}, f"at most {FUNCTION_LINES} lines"


def test_no_constructor_takes_too_much(root: Path) -> None:
    wide = {}
    for name, text in _sources(root):
        for node in _functions(text):
            if node.name == "__init__":
                count = len(node.args.posonlyargs) + len(node.args.args) + len(node.args.kwonlyargs) - 1
                if count > CONSTRUCTOR_PARAMETERS:
                    wide[f"{name}:{node.lineno}"] = count
    assert wide == {}, f"at most {CONSTRUCTOR_PARAMETERS} parameters: settings or a part are missing"
