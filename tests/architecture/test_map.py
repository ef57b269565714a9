"""The README is the map: its tree and the disk say the same, in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

READMES = ["README.md", "README.zh-CN.md"]


def _tree(text: str) -> dict[str, str]:
    """Read the lines `  name   phrase` of the block that starts with `src/plait/`."""
    block = re.search(r"^```[a-z]*\n(src/plait/.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert block, "the README should hold a code block that starts with src/plait/"
    rows = re.findall(r"^  (\S+)  +(\S.*)$", block.group(1), re.MULTILINE)
    return dict(rows)


def _disk(root: Path) -> set[str]:
    folder = root / "src" / "plait"
    names = {p.name + "/" for p in folder.iterdir() if p.is_dir() and p.name != "__pycache__" and any(p.rglob("*.py"))}
    return names | {p.name for p in folder.glob("*.py") if p.name != "__init__.py"}


@pytest.mark.parametrize("name", READMES)
def test_the_tree_is_the_disk(root: Path, name: str) -> None:
    assert set(_tree((root / name).read_text())) == _disk(root)


def test_the_readmes_are_in_step(root: Path) -> None:
    texts = [(root / name).read_text() for name in READMES]
    for pattern in (r"^#+ ", r"^```", r"!\[", r"^\| "):
        counts = [len(re.findall(pattern, text, re.MULTILINE)) for text in texts]
        assert len(set(counts)) == 1, f"{pattern!r} stands {counts} times in {READMES}"
    codes = [re.findall(r"^```(?:bash|python|yaml)\n(.*?)^```", text, re.MULTILINE | re.DOTALL) for text in texts]
    stripped = [[re.sub(r"\s*#.*", "", code) for code in block] for block in codes]
    assert stripped[0] == stripped[1], "commands and code should be the same in both languages"


@pytest.mark.parametrize("name", [*READMES, "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_and_pictures_exist(root: Path, name: str) -> None:
    text = (root / name).read_text()
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text) + re.findall(r'src="([^"]+)"', text)
    missing = [link for link in links if not re.match(r"[a-z]+:", link) and not (root / link).exists()]
    assert missing == []


def test_every_page_of_the_docs_is_linked(root: Path) -> None:
    docs = root / "docs"
    pages = {
        str(p.relative_to(docs).with_suffix(""))
        for p in docs.rglob("*.md")
        if "_build" not in p.parts and "api" not in p.parts
    }
    listed: set[str] = {"index"}
    for page in docs.rglob("*.md"):
        for tree in re.findall(r"^```\{toctree\}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
            parent = page.parent.relative_to(docs)
            for line in tree.splitlines():
                if line.strip() and not line.startswith(":"):
                    listed.add(str(parent / line.strip()))
            if ":glob:" in tree:
                listed |= {
                    str(p.relative_to(docs).with_suffix(""))
                    for line in tree.splitlines()
                    if "*" in line
                    for p in page.parent.glob(line.strip() + ".md")
                }
    assert pages - listed == set()


@pytest.mark.parametrize("folder", ["share", "balance", "tasks"])
def test_every_method_has_its_row(root: Path, folder: str) -> None:
    rows = (root / "docs" / "methods.md").read_text()
    parts = {"__init__", "base"}
    kinds: dict[str, str] = {}
    home = root / "src" / "plait" / folder
    for path in sorted(home.rglob("*.py")):
        kind = re.findall(r'kind: Literal\["(\w+)"\]', path.read_text())
        if path.stem not in parts:
            kinds |= dict.fromkeys(kind, path.relative_to(home).as_posix())
    assert kinds, f"no method found in {folder}/"
    table = [line for line in rows.splitlines() if line.startswith("|")]
    missing = {
        kind: file
        for kind, file in kinds.items()
        if not any(f"`{kind}`" in line and f"{folder}/{file}" in line for line in table)
    }
    assert missing == {}


def test_every_method_names_the_test_that_proves_it(root: Path) -> None:
    rows = [line for line in (root / "docs" / "methods.md").read_text().splitlines() if line.startswith("| `")]
    named = {row: re.findall(r"`(tests/[\w/]+\.py)`", row) for row in rows}
    assert [row for row, tests in named.items() if not tests] == []
    assert sorted({test for tests in named.values() for test in tests if not (root / test).is_file()}) == []
