"""What a run reports of rows without a label, and that it loads again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from plait.report.content import UnlabelledReport
from plait.run.job import train
from plait.run.run import load
from plait.run.unlabelled import unlabelled_words
from support.sparse import write_sparse


def test_a_run_counts_them(tmp_path: Path) -> None:
    recipe = write_sparse(tmp_path, rows=600, every=3)
    recipe["train"] |= {"epochs": 12, "learning_rate": 0.02}
    run = train(recipe, tmp_path / "run", base=tmp_path, alone=False)
    own = run.prepared.tables["people"]
    free = int(((own.part == 1) & own.labels["rich"][:, 0].isnan()).sum())
    found = run.report.tasks["rich"].unlabelled
    assert found is not None
    assert found.rows == free
    assert found.threshold == 0.6
    labelled = run.prepared.rows("rich", "valid")
    chance = run.scorer.outputs("people", labelled, ["rich"])["rich"][:, 0]
    sure = (chance - 0.5).abs() >= 0.1
    assert found.checked == int(sure.sum()) > 0
    assert found.right == pytest.approx(
        float(((chance > 0.5) == (own.labels["rich"][labelled, 0] > 0))[sure].float().mean())
    )
    assert run.report.tasks["degree"].unlabelled == UnlabelledReport(rows=free)
    several = run.report.tasks["sports"].unlabelled
    assert several is not None
    assert several.checked > found.checked / 2
    assert run.report.tasks["loud"].unlabelled is None
    told = json.loads((run.folder / "report.json").read_text())
    assert told["how"]["Without `rich`"].startswith(f"{free} in the training part; of ")
    assert load(run.folder).model is not None, "counts of the model are kept with its weights"
    assert "unlabelled pseudo (weight: 0.3" in told["tasks"]["rich"]["objective"]


def test_in_words() -> None:
    assert unlabelled_words(UnlabelledReport(rows=1200)) == "1,200 in the training part"
    one = UnlabelledReport(rows=1200, threshold=0.95, sure=0.5, checked=40, right=0.9)
    assert unlabelled_words(one) == (
        "1,200 in the training part; of 50% of the answers the model is as sure as 0.95; of 40 answers it is as sure of "
        "on the validation part, 90% are right"
    )
    none = UnlabelledReport(rows=3, threshold=0.95, sure=0.0)
    assert unlabelled_words(none).endswith("of no answer on the validation part, so how right they are is not known")
