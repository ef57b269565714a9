"""Pages made from the code: every key of the recipe from the settings classes, and one API page per module."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

INTRODUCTION = """\
# Every key of a recipe

This page is made from the settings classes, so it is what the program accepts. A key that is not listed is refused, and
the nearest known one is named. `plait train RECIPE --set train.epochs=5` changes any of them for one run, and the
`recipe.yaml` of a run holds all of them written out.

Where a part has a `kind`, the short form `kind` alone may stand for `{kind: ...}` with everything else left as it is:
`users.age: number`, `balance: uncertainty`.
"""

COMMANDS = """\
# Commands

This page is what `plait COMMAND --help` prints. Results go to stdout, messages and progress to stderr, and `--json` prints
the result for programs. Exit codes: 0 done, 1 failed, 2 asked wrongly, 3 the loss stopped being finite.
"""


def write_recipe_reference(target: Path) -> None:
    """Write the reference of the recipe, the top level first, then each settings class as it is first mentioned."""
    from plait.recipe import Recipe
    from plait.schema import Task

    waiting: list[tuple[str, type[BaseModel]]] = [("The top level", Recipe), ("`tasks`: every kind", Task)]
    seen: set[type[BaseModel]] = {Recipe, Task}
    parts = [INTRODUCTION]
    while waiting:
        title, model = waiting.pop(0)
        parts.append(_section(title, model))
        for key, field in model.model_fields.items():
            for inner in _models(field.annotation):
                if inner not in seen:
                    seen.add(inner)
                    waiting.append((_title(key, inner), inner))
    target.parent.mkdir(parents=True, exist_ok=True)
    _write(target, "\n".join(parts))


def write_commands(target: Path) -> None:
    """Write what `--help` says, for every command."""
    import typer

    from plait.cli import app

    group = typer.main.get_command(app)
    context = group.make_context("plait", [], resilient_parsing=True)
    parts = [COMMANDS]
    parts += _helps(group, context)
    _write(target, "\n".join(parts))


def _helps(group: Any, context: Any) -> Iterator[str]:
    """Yield the help of each command of a group, and of the groups in it."""
    for name in sorted(group.commands):
        command = group.commands[name]
        with command.make_context(name, [], parent=context, resilient_parsing=True) as inner:
            yield f"## {inner.command_path}\n\n```text\n{inner.get_help()}\n```\n"
            if isinstance(inner.command, type(group)):
                yield from _helps(command, inner)


def write_api(package: Path, folder: Path) -> None:
    """Write one page per public module and an index of them; pages of modules that went are removed."""
    modules = []
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        if parts[-1] in {"__init__", "__main__"} or any(part.startswith("_") for part in parts):
            continue
        modules.append((".".join(parts), ast.get_docstring(ast.parse(path.read_text())) or ""))
    folder.mkdir(parents=True, exist_ok=True)
    for page in folder.glob("*.md"):
        if page.stem != "index" and page.stem not in dict(modules):
            page.unlink()
    for name, _ in modules:
        _write(folder / f"{name}.md", f"# {name}\n\n```{{eval-rst}}\n.. automodule:: {name}\n   :members:\n```\n")
    rows = [f"| [{name}]({name}.md) | {text.splitlines()[0] if text else ''} |" for name, text in modules]
    toctree = "\n".join(["```{toctree}", ":hidden:", "", *[name for name, _ in modules], "```"])
    table = "\n".join(["| module | what it is |", "|---|---|", *rows])
    _write(folder / "index.md", f"# The modules\n\nMade from the docstrings.\n\n{table}\n\n{toctree}\n")


def _write(path: Path, text: str) -> None:
    """Write only what changed, so that a second build is quick."""
    if not path.is_file() or path.read_text() != text:
        path.write_text(text)


def _section(title: str, model: type[BaseModel]) -> str:
    from plait.schema import Task

    described = _field_docstrings(model)
    common = Task.model_fields.keys() - {"kind"} if issubclass(model, Task) and model is not Task else set()
    rows = [
        f"| `{key}` | {_words(field.annotation)} | {_default(field)} | {described.get(key, '')} |"
        for key, field in model.model_fields.items()
        if key not in common
    ]
    doc = inspect.cleandoc(model.__doc__ or "").split("\n\n")[0].replace("\n", " ")
    return "\n".join([f"## {title}", "", doc, "", "| key | takes | default | meaning |", "|---|---|---|---|", *rows, ""])


def _title(key: str, model: type[BaseModel]) -> str:
    kind = model.model_fields.get("kind")
    if kind is not None and get_origin(kind.annotation) is Literal:
        return f"`{key}`: `kind: {get_args(kind.annotation)[0]}`"
    return f"`{key}`"


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the settings classes that an annotation mentions, in order."""
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        if get_origin(annotation) is not Literal:
            yield from _models(inner)


def _words(annotation: Any) -> str:
    """Say what a key takes, for a person."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in inner)
    if origin is Annotated:
        return _words(inner[0])
    if origin is list:
        return f"a list of {_words(inner[0])}"
    if origin is tuple:
        return f"a list of {_words(inner[0])}"
    if origin is dict:
        return f"names, each with {_words(inner[1])}"
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        kind = annotation.model_fields.get("kind")
        return f"`{get_args(kind.annotation)[0]}`" if kind is not None and get_args(kind.annotation) else "the keys below"
    if inner:
        return " or ".join("nothing" if part is type(None) else _words(part) for part in inner)
    return {str: "text", int: "a whole number", float: "a number", bool: "`true` or `false`"}.get(annotation, "a value")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**needed**"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined:
        return ""
    if isinstance(value, BaseModel):
        kind = value.model_dump().get("kind")
        return f"`{kind}`" if kind else "its defaults"
    if value is None or value in ({}, []):
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _field_docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Read the strings that stand below the fields, in the class and in what it inherits from."""
    found: dict[str, str] = {}
    for owner in reversed(model.__mro__):
        if owner is BaseModel or not issubclass(owner, BaseModel):
            continue
        tree = ast.parse(textwrap.dedent(inspect.getsource(owner)))
        body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
        for field, text in pairwise(body):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(text, ast.Expr)
                and isinstance(text.value, ast.Constant)
            ):
                found[field.target.id] = " ".join(str(text.value.value).split()).replace("|", "\\|")
    return found
