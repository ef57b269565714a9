"""Machine code in a bundle: made where there is a compiler, and the same scores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from plait.errors import RunError

if TYPE_CHECKING:
    from plait.run.run import Run


def test_without_a_compiler_it_says_so(films_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from plait.export.command import export
    from plait.export.options import Options

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(RunError, match=r"should find a C\+\+ compiler.* Found none of \$CXX, g\+\+ and"):
        export(films_run, tmp_path / "bundle", Options(compiled=True))
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_without_machine_code_says_so(films_bundle: Path) -> None:
    from plait.export.bundle import load_bundle

    with pytest.raises(RunError, match="should hold machine code to be served with `--runtime torch`. Found none"):
        load_bundle(films_bundle, "torch")


@pytest.mark.soak
def test_it_says_what_the_run_says(films_run: Run, tmp_path: Path) -> None:
    from plait.export.backend import Asker
    from plait.export.bundle import load_bundle
    from plait.export.command import export
    from plait.export.compiled import compiler
    from plait.export.eager import EagerBackend
    from plait.export.options import Options

    if compiler() is None:
        pytest.skip("no C++ compiler")
    export(films_run, tmp_path / "bundle", Options(compiled=True))
    backend, run = load_bundle(tmp_path / "bundle", "torch").backend, EagerBackend(films_run)
    for items in (torch.arange(1, 30), torch.tensor([4])):
        for name, scores in run.rank(Asker(3), items).items():
            torch.testing.assert_close(backend.rank(Asker(3), items)[name], scores, atol=1e-5, rtol=1e-5)
