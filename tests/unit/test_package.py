"""The names a user imports stay what they are, whatever was imported before them."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "before", ["", "import plait.train.settings; ", "from plait.run.job import train; ", "plait.train; "]
)
def test_train_is_the_function(before: str) -> None:
    code = (
        f"import plait; {before}from plait.train.settings import Train; "
        "assert callable(plait.train), plait.train; assert plait.train is plait.train; "
        "assert plait.train.__module__ == 'plait.run.job'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_unknown_name_says_which_there_are() -> None:
    import plait

    with pytest.raises(AttributeError, match=r"no attribute `fit`\. Public names: Recipe, Run"):
        _ = plait.fit  # type: ignore[attr-defined]
