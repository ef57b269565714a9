"""What is imported is declared, with its reason, and has a version that is known to work."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path


def _name(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found, requirement
    return re.sub(r"[-_.]+", "-", found.group()).lower()


def _project(root: Path) -> dict[str, list[str]]:
    table = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    return {"": table["dependencies"], **table["optional-dependencies"]}


def _imported(folder: Path) -> set[str]:
    names: set[str] = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {name.name.split(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.split(".")[0])
    return names - sys.stdlib_module_names - {"plait"}


def test_what_src_imports_is_declared(root: Path) -> None:
    named = {extra: {_name(line) for line in lines} for extra, lines in _project(root).items()}
    declared = set().union(*(lines for extra, lines in named.items() if extra not in ("dev", "docs")))
    homes = packages_distributions()
    missing = {
        module: homes.get(module)
        for module in _imported(root / "src")
        if not {_name(home) for home in homes.get(module, [module])} & declared
    }
    assert missing == {}


def test_every_dependency_has_its_reason(root: Path) -> None:
    text = (root / "pyproject.toml").read_text()
    wanted = [line for lines in _project(root).values() for line in lines]
    bare = [line for line in wanted if not re.search(rf'^  "{re.escape(line)}", +# \S', text, re.MULTILINE)]
    assert bare == []


def test_every_dependency_has_a_version_known_to_work(root: Path) -> None:
    pinned = {_name(line) for line in (root / "constraints.txt").read_text().splitlines() if line and line[0] not in "#-"}
    wanted = {_name(line) for lines in _project(root).values() for line in lines}
    assert wanted - pinned == set()


def test_constraints_name_no_build_and_no_place(root: Path) -> None:
    lines = [line for line in (root / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9A-Za-z.]+", line)] == []
