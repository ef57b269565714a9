"""Public names are a promise: adding or taking away one is a decision that shows in a diff of `public.txt`.

The faces are the package, its folders and the modules a user is told to import; what stands deeper may move.
"""

from __future__ import annotations

import ast
from pathlib import Path

MODULES = ("client", "errors", "schema", "recipe", "testing")


def _faces(package: Path) -> list[Path]:
    return [
        *sorted(package.glob("__init__.py")),
        *sorted(package.glob("*/__init__.py")),
        *[path for name in MODULES if (path := package / f"{name}.py").is_file()],
    ]


def _names(package: Path) -> list[str]:
    names: list[str] = []
    for path in _faces(package):
        module = ".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__")
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
                listed = [str(element.value) for element in ast.walk(node.value) if isinstance(element, ast.Constant)]
                names += [f"{module}.{name}" for name in listed]
    return names


def test_public_names_are_the_listed_ones(root: Path) -> None:
    listed = (root / "tests" / "architecture" / "public.txt").read_text().split()
    found = _names(root / "src" / "plait")
    assert listed == sorted(listed), "public.txt should be sorted"
    assert sorted(set(found) - set(listed)) == [], "new names: add them to tests/architecture/public.txt"
    assert sorted(set(listed) - set(found)) == [], "names that went: take them out of public.txt and say so in CHANGELOG.md"
