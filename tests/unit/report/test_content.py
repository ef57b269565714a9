"""What `report.json` and `figures.json` hold."""

import json

import numpy as np
import pytest

from plait.measure import Interval
from plait.report import Figure, Figures, GainFigure, Report
from support.reports import NO_GAIN, pair


def test_undefined_numbers_are_null_with_a_reason():
    figure = Figure.of(Interval.undefined("all 3 labels are 1"))
    assert figure.model_dump(mode="json") == {"value": None, "low": None, "high": None, "reason": "all 3 labels are 1"}
    gain = GainFigure.of(NO_GAIN)
    assert (gain.value, gain.verdict) == (None, "same")


def test_the_keys_are_those_of_the_format():
    report, _ = pair(200)
    found = json.loads(report.text())
    assert {"plait", "recipe", "seed", "data", "seconds", "examples_per_second", "parameters", "tasks", "gain"} <= set(found)
    assert set(found["data"]) == {"rows", "train", "valid", "test"}
    task = found["tasks"]["like"]
    assert {"kind", "metric", "joint", "alone", "gain"} <= set(task)
    assert set(task["joint"]["auc"]) == {"value", "low", "high"}
    assert set(task["gain"]) == {"value", "low", "high", "verdict"}
    assert found["hurt"] == ["next"]


def test_text_reads_back_as_it_was():
    report, figures = pair(200)
    assert Report.model_validate_json(report.text()) == report
    assert Figures.model_validate_json(figures.text()) == figures


def test_json_has_no_nan():
    report, figures = pair(200)
    broken = report.model_copy(update={"tasks": {}})
    strict = json.loads(broken.text(), parse_constant=lambda name: pytest.fail(name))
    assert strict["tasks"] == {}
    gaps = Figures(curves={"like": {"joint": [(1, float("nan")), (2, 0.5)]}})
    assert json.loads(gaps.text())["curves"]["like"]["joint"] == [[1, None], [2, 0.5]]
    assert json.loads(figures.text(), parse_constant=lambda name: pytest.fail(name))


def test_numpy_numbers_are_taken():
    figure = Figure.of(Interval(np.float64(0.5), np.float64(0.25), np.float64("nan")))
    assert (figure.value, figure.low, figure.high) == (0.5, 0.25, None)


def test_keys_of_a_newer_version_are_read_over():
    report, _ = pair(200)
    text = json.dumps(json.loads(report.text()) | {"moon": "full"})
    assert Report.model_validate_json(text) == report
