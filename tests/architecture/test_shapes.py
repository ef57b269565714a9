"""Shapes written in signatures are checked while tests run."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import torch


def test_a_wrong_shape_is_refused() -> None:
    from plait.share.shared_bottom import SharedBottom

    settings = SharedBottom.Settings(layers=[4])
    sharing = SharedBottom(6, 2, settings)
    with pytest.raises(Exception, match="x"):
        sharing.forward(torch.zeros(3, 6), [0, 1])


def test_files_with_shapes_keep_their_annotations(root: Path) -> None:
    # With the import, annotations are strings and the hook has nothing to check.
    wrong = [
        str(path.relative_to(root))
        for path in sorted((root / "src").rglob("*.py"))
        if re.search(r"^from jaxtyping import", text := path.read_text(), re.MULTILINE)
        and "from __future__ import annotations" in text
    ]
    assert wrong == []


def _bare_squeeze(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "squeeze"
        and not node.args
        and not node.keywords
    )


def test_no_squeeze_without_an_axis(root: Path) -> None:
    # A batch of one would lose its batch axis.
    wrong = [
        f"{path.relative_to(root)}:{node.lineno}"
        for path in sorted((root / "src").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if _bare_squeeze(node)
    ]
    assert wrong == []
