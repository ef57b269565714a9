"""Damaged and malicious bundles are refused before anything in them runs."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from plait.errors import CorruptError, PlaitError


@pytest.fixture
def copy(films_bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(films_bundle, tmp_path / "bundle"))


def _sign(folder: Path) -> None:
    """Write a manifest as an attacker would, over whatever is there."""
    files = [path for path in folder.rglob("*") if path.is_file() and path != folder / "manifest.json"]
    digests = {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    (folder / "manifest.json").write_text(json.dumps({"files": digests}))


def _refused(folder: Path, words: str) -> None:
    from plait.export.bundle import load_bundle

    with pytest.raises(PlaitError, match=words):
        load_bundle(folder)


def test_every_flipped_bit_is_found(copy: Path) -> None:
    draw = random.Random(5)
    names = sorted(path for path in copy.rglob("*") if path.is_file() and path.name != "manifest.json")
    for path in draw.sample(names, 12):
        right = path.read_bytes()
        place = draw.randrange(len(right))
        path.unlink()
        path.write_bytes(right[:place] + bytes([right[place] ^ 1 << draw.randrange(8)]) + right[place + 1 :])
        _refused(copy, "altered")
        path.write_bytes(right[: len(right) // 2])
        _refused(copy, "altered")
        path.write_bytes(right)


@pytest.mark.parametrize("name", ["rank.onnx", "items.safetensors", "serving.json", "run/report.json", "run/manifest.json"])
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    _refused(copy, name if name != "serving.json" else "should")


@pytest.mark.parametrize("name", ["../outside.txt", "run/../../outside.txt", "/etc/hostname"])
def test_a_manifest_that_leads_outside_is_refused(copy: Path, name: str) -> None:
    (copy.parent / "outside.txt").write_text("secret")
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["files"][name] = hashlib.sha256(b"secret").hexdigest()
    (copy / "manifest.json").write_text(json.dumps(manifest))
    _refused(copy, "should list files of its own folder. Found 1 that lie elsewhere")


def test_a_symbolic_link_that_leads_outside_is_refused(copy: Path) -> None:
    outside = copy.parent / "outside.onnx"
    shutil.copy(copy / "rank.onnx", outside)
    (copy / "rank.onnx").unlink()
    (copy / "rank.onnx").symlink_to(outside)
    _refused(copy, "lie elsewhere, such as `rank.onnx`")


@pytest.mark.parametrize(
    "content", ["[]", '{"files": 3}', '{"files": ["a"]}', "", "\x00", '{"files": {"a": 1}}', "[" * 100_000]
)
def test_a_manifest_that_is_none_is_refused(copy: Path, content: str) -> None:
    (copy / "manifest.json").write_text(content)
    _refused(copy, "should")


def _pickle(path: Path) -> None:
    path.write_bytes(b"cos\nsystem\n(S'touch /tmp/plait-was-here'\ntR.")


def _giant_header(path: Path) -> None:
    path.write_bytes((2**62).to_bytes(8, "little") + b"{}")


@pytest.mark.parametrize("name", ["rank.onnx", "items.safetensors", "serving.json", "run/weights.safetensors"])
@pytest.mark.parametrize("write", [_pickle, _giant_header])
def test_what_is_no_graph_and_no_tensors_runs_nothing(copy: Path, name: str, write: Callable[[Path], None]) -> None:
    from plait.export.bundle import load_bundle

    (copy / name).unlink()
    write(copy / name)
    _sign(copy / "run")
    _sign(copy)
    if name.startswith("run/"):
        bundle = load_bundle(copy)
        with pytest.raises(Exception, match="(?i)header"):
            bundle.run.model  # noqa: B018 - weights are read when they are needed
    else:
        _refused(copy, "Export the run again")
    assert not Path("/tmp/plait-was-here").exists()


def test_a_graph_reads_no_other_file(copy: Path) -> None:
    import onnx

    from plait.export.onnx_graph import session

    model = onnx.load(str(copy / "rank.onnx"))
    tensor = model.graph.initializer[0]
    size = len(tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", "../secret.bin"), ("length", str(size))):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    (copy.parent / "secret.bin").write_bytes(bytes(size))
    (copy / "rank.onnx").unlink()
    (copy / "rank.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(CorruptError, match="Export the run again"):
        session(copy / "rank.onnx", [])
    with pytest.raises(CorruptError, match="should hold weights in the files"):
        session(copy / "rank.onnx", ["rank.onnx.data"])
