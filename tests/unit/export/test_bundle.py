"""A bundle: what it holds, read with and without Plait."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from plait.errors import RecipeError, RunError

if TYPE_CHECKING:
    from plait.run.run import Run

_ALONE = """
import sys
class Never:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("plait", "torch", "onnx"):
            raise ImportError(name + " is not here")
sys.meta_path.insert(0, Never())
"""


def _read(root: Path, tmp_path: Path, bundle: Path, graph: str, user: int, items: list[int]) -> dict[str, list[list[float]]]:
    """Run the code of the how-to where neither Plait nor torch can be imported."""
    page = (root / "docs" / "howto" / "export.md").read_text()
    code = next(block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "InferenceSession" in block)
    script = tmp_path / "read.py"
    script.write_text(_ALONE + code)
    words = [sys.executable, "-I", "-W", "error", str(script), str(bundle), graph, str(user), json.dumps(items)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, list[list[float]]] = json.loads(done.stdout)
    return found


def test_it_is_read_without_plait_and_without_torch(root: Path, tmp_path: Path, films_run: Run, films_bundle: Path) -> None:
    from plait.export.backend import Asker
    from plait.export.eager import EagerBackend

    run = EagerBackend(films_run)
    items = [3, 1, 30, 0]
    for user in (0, 1, 17):
        found = _read(root, tmp_path, films_bundle, "rank", user, items)
        meant = run.rank(Asker(user), torch.tensor(items))
        assert set(found) == set(meant) == {"like", "stars", "love"}
        for name, scores in found.items():
            np.testing.assert_allclose(scores, meant[name].numpy(), atol=1e-5)
    place = _read(root, tmp_path, films_bundle, "query", 1, [1])["next"]
    query = run.query(Asker(1))
    assert query is not None
    np.testing.assert_allclose(place[0], query.numpy(), atol=1e-5)


def test_it_says_what_it_holds(films_run: Run, films_bundle: Path) -> None:
    from plait.export.bundle import load_bundle
    from plait.run.manifest import sha256

    bundle = load_bundle(films_bundle)
    assert bundle.formula == "like^1"
    assert bundle.version == bundle.backend.version == sha256(films_bundle / "manifest.json")
    files = {path.relative_to(films_bundle).as_posix() for path in films_bundle.rglob("*") if path.is_file()}
    assert set(bundle.manifest) == files - {"manifest.json"}
    assert bundle.run.recipe == films_run.recipe
    assert bundle.backend.columns == {"like": ["probability"], "stars": ["value"], "love": ["probability"]}
    assert str(films_run.folder.parent) not in (films_bundle / "serving.json").read_text()
    assert b"site-packages" not in (films_bundle / "rank.onnx").read_bytes(), "where it was made is nobody's business"


def test_one_thread_runs_a_graph(films_bundle: Path) -> None:
    from plait.export.onnx_graph import session

    options = session(films_bundle / "rank.onnx", []).get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)


def test_a_run_is_served_as_it_is(films_run: Run) -> None:
    from plait.export.bundle import load_bundle
    from plait.export.eager import EagerBackend

    bundle = load_bundle(films_run.folder)
    assert isinstance(bundle.backend, EagerBackend)
    assert bundle.formula is None
    assert "report.json" in bundle.manifest


def test_a_bundle_is_a_run_to_other_commands(films_run: Run, films_bundle: Path) -> None:
    from plait.run.run import load

    run = load(films_bundle)
    assert run.folder == films_bundle / "run"
    assert run.report == films_run.report
    assert run.layout == films_run.layout


def test_nothing_is_written_over(films_run: Run, tmp_path: Path) -> None:
    from plait.export.command import export

    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(RecipeError, match="`--out .*` should be a new folder. Found something in it. Choose another"):
        export(films_run, tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_a_bundle_that_says_something_else_is_not_written(
    films_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from plait.export import rows
    from plait.export.command import export

    right = rows.Encoding.of_table

    def wrong(self: rows.Encoding, table: str, numbers: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        return {name: tensor + (0.01 if table == "films" else 0) for name, tensor in right(self, table, numbers).items()}

    monkeypatch.setattr(rows.Encoding, "of_table", wrong)
    with pytest.raises(
        RunError, match="A bundle should say what its run says, to 0.0001 on real rows. Found .* apart. Nothing"
    ):
        export(films_run, tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []


def test_weights_beyond_a_limit_lie_beside_the_graph(films_run: Run, tmp_path: Path) -> None:
    from plait.export.backend import Asker
    from plait.export.bundle import load_bundle
    from plait.export.eager import EagerBackend
    from plait.export.write import write_bundle

    write_bundle(films_run, tmp_path, largest=1)
    assert {"rank.onnx.data", "query.onnx.data", "products.onnx.data"} <= {path.name for path in tmp_path.iterdir()}
    backend = load_bundle(tmp_path).backend
    items = torch.arange(1, 20)
    for name, scores in EagerBackend(films_run).rank(Asker(3), items).items():
        torch.testing.assert_close(backend.rank(Asker(3), items)[name], scores, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("memory", "pays"), [(0.0, 1), (1e-4, 1), (1.0, 1_000), (1.0, 1)])
def test_first_products_are_stored_where_it_pays(
    films_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory: float, pays: int
) -> None:
    from safetensors.numpy import load_file

    from plait.export import kept
    from plait.export.backend import Asker
    from plait.export.bundle import load_bundle
    from plait.export.eager import EagerBackend
    from plait.export.options import Options
    from plait.export.write import write_bundle

    monkeypatch.setattr(kept, "PAYS", pays)
    serving = write_bundle(films_run, tmp_path, Options(memory=memory))
    stored = load_file(tmp_path / "items.safetensors").get("kept")
    assert (stored is not None) == (serving.products is not None) == ((memory, pays) == (1.0, 1))
    assert (tmp_path / "products.onnx").exists() == (stored is not None)
    assert stored is None or stored.nbytes <= memory * 1e6
    assert (serving.unstored > memory * 1e6) == ((memory, pays) == (1e-4, 1)), (
        "too much is told, so that more can be allowed"
    )
    assert (serving.unstored == 0) == ((memory, pays) != (1e-4, 1))
    read = {known.name for known in serving.graphs["rank"].inputs if known.by == "row" and not known.fixed}
    assert ("role:films" in read) == (stored is None), "what nothing reads is not looked up"
    backend = load_bundle(tmp_path).backend
    for items in (torch.arange(31), torch.tensor([4])):
        for name, scores in EagerBackend(films_run).rank(Asker(3), items).items():
            torch.testing.assert_close(backend.rank(Asker(3), items)[name], scores, atol=1e-5, rtol=1e-5)


def test_no_new_rows_are_no_rows(films_bundle: Path, films_run: Run) -> None:
    from plait.export.bundle import load_bundle
    from plait.export.eager import EagerBackend

    none = films_run.prepared.every("films").slice(0, 0)
    assert load_bundle(films_bundle).backend.add(none) == EagerBackend(films_run).add(none) == []
