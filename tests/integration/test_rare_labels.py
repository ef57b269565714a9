"""The recipe of the how-to on rare labels, on the real table."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from support.command import plait

ROOT = Path(__file__).parents[2]
MAIL = ROOT.parent / "shared" / "data" / "hillstrom" / "email.parquet"
PAGE = (ROOT / "docs" / "howto" / "rare-labels.md").read_text(encoding="utf-8")


@pytest.mark.skipif(not MAIL.is_file(), reason=f"the shared data are not here: {MAIL}")
@pytest.mark.parametrize("changes", [{}, {"resample": {}, "class_weight": "balanced"}, {"resample": {}, "loss": "focal"}])
def test_the_recipe_runs_and_its_probabilities_are_those_of_the_data(tmp_path: Path, changes: dict[str, object]) -> None:
    block = re.search(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert block
    recipe = yaml.safe_load(block.group(1))
    recipe["tasks"]["buy"] |= changes
    recipe |= {
        "model": {"width": 4, "sharing": {"kind": "mmoe", "experts": 2, "expert": [16]}, "tower": [8]},
        "train": {"epochs": 2, "batch": 512, "threads": 1},
    }
    pq.write_table(pq.read_table(MAIL), tmp_path / "email.parquet")
    (tmp_path / "mailing.yaml").write_text(yaml.safe_dump(recipe))
    assert "about 9 in 1,000 rows are of the rarer kind" in plait("check", tmp_path / "mailing.yaml").stdout
    plait("train", tmp_path / "mailing.yaml", "--out", tmp_path / "run", "--no-alone")
    buy = json.loads((tmp_path / "run" / "report.json").read_text())["tasks"]["buy"]["joint"]
    assert 0.7 < buy["predicted_over_observed"]["value"] < 1.4
    assert buy["ece"]["value"] < 0.01
