"""Golden requests: what a bundle said when it was made it says again, and the gate hears where it does not."""

from __future__ import annotations

import json
from pathlib import Path

import torch


def test_a_bundle_says_again_what_it_said(films_bundle: Path) -> None:
    from plait.export.bundle import load_bundle
    from plait.export.golden import golden_gap

    found = golden_gap(films_bundle, load_bundle(films_bundle).backend)
    assert found is not None
    assert found[0] <= found[1] <= 1e-3


def test_the_requests_are_of_nobody_somebody_and_somebody_with_a_history_of_their_own(films_bundle: Path) -> None:
    requests = json.loads((films_bundle / "golden.json").read_text())["requests"]
    assert requests[0]["row"] == 0
    assert any(request["row"] > 0 and request["recent"] is None for request in requests)
    assert any(request["recent"] for request in requests)
    assert "golden.json" in json.loads((films_bundle / "manifest.json").read_text())["files"]


def test_a_bundle_that_says_something_else_does_not_pass_the_gate(films_bundle: Path, tmp_path: Path) -> None:
    from plait.export.bundle import load_bundle
    from plait.serve.deploy.gate import faults

    kept = json.loads((films_bundle / "golden.json").read_text())
    first = next(iter(kept["requests"][1]["outputs"]))
    kept["requests"][1]["outputs"][first][0][0] += 0.5
    (tmp_path / "golden.json").write_text(json.dumps(kept))
    bundle = load_bundle(films_bundle)
    assert faults(bundle, films_bundle, bundle) == []
    (found,) = faults(bundle, tmp_path, bundle)
    assert found.startswith("parity: answers to the golden requests should differ by at most")


def test_a_task_that_went_is_infinitely_far(films_bundle: Path, tmp_path: Path) -> None:
    from plait.export.bundle import load_bundle
    from plait.export.golden import golden_gap

    kept = json.loads((films_bundle / "golden.json").read_text())
    kept["requests"][0]["outputs"]["more"] = [[0.0]]
    (tmp_path / "golden.json").write_text(json.dumps(kept))
    gap = golden_gap(tmp_path, load_bundle(films_bundle).backend)
    assert gap is not None and torch.tensor(gap[0]).isinf()
