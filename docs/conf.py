"""How the documentation is built: Sphinx, Furo, MyST; the recipe reference and the API pages are made from the code."""

from __future__ import annotations

import sys
from importlib.metadata import version as installed
from pathlib import Path

import fastapi  # noqa: F401 - its classes cannot be made while autodoc reads modules as a type checker would
from sphinx.application import Sphinx

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "_ext"))

from docstrings import read_as_written  # noqa: E402 - found by the line above
from generated import write_api, write_commands, write_recipe_reference  # noqa: E402 - found by the line above

project = "Plait"
author = "The Plait authors"
copyright = "The Plait authors, Apache-2.0"
release = version = installed("plait")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "_ext"]
html_theme = "furo"
html_title = f"Plait {release}"

# Attributes of one name in several classes (`rows`) are mentioned by name alone; a guess which is meant would be worse.
suppress_warnings = ["ref.python"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
autodoc_class_signature = "separated"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_custom_sections = ["Shape", "Relations"]
napoleon_use_ivar = True  # an attribute of a docstring and the annotated field are one thing


def _generate(app: Sphinx) -> None:
    """Write the pages that come from the code before Sphinx looks for pages."""
    source = Path(app.srcdir)
    write_recipe_reference(source / "reference" / "recipe.md")
    write_commands(source / "reference" / "commands.md")
    write_api(source.parent / "src" / "plait", source / "api")


def setup(app: Sphinx) -> None:
    """Tell Sphinx when to generate."""
    app.connect("autodoc-process-docstring", read_as_written, priority=400)
    app.connect("config-inited", lambda app, config: _generate(app))
