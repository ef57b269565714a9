"""The picture of a Pareto front."""

import re
from xml.etree import ElementTree

from plait.report.pictures import FrontAxis, FrontPoint, front_chart

LIKE, ERROR = FrontAxis("like · AUC", True), FrontAxis("stars · RMSE", False)
POINTS = [
    FrontPoint("a", 0.80, 1.00, (0.79, 0.81), (0.98, 1.02)),
    FrontPoint("b", 0.75, 0.90, (0.74, 0.76), (0.88, 0.92)),
    FrontPoint("c", 0.74, 1.01),
]


def test_it_is_well_formed_and_says_what_it_shows():
    root = ElementTree.fromstring(front_chart("two runs & one behind", POINTS, LIKE, ERROR))
    assert root.get("aria-label") == root.find("title").text == "two runs & one behind"
    marks = root.findall("g")
    assert [mark.get("class") for mark in marks] == ["point", "point", "point behind"]
    assert [mark.find("text").text for mark in marks] == ["1", "2", "3"]
    assert marks[2].find("title").text == "3: c, 0.74 and 1.01, dominated"
    assert len([line for line in root.findall("line") if "cross" in line.get("class")]) == 4


def test_the_staircase_joins_the_front_only():
    root = ElementTree.fromstring(front_chart("", POINTS, LIKE, ERROR))
    path = root.find("path").get("d")
    places = [(mark.find("circle").get("cx"), mark.find("circle").get("cy")) for mark in root.findall("g")]
    (ax, ay), (bx, by), (cx, cy) = places
    # From the low end of AUC, where b is the best, over b's corner to a; then to the bad end of RMSE, which is the top.
    assert re.fullmatch(rf"M46 {by} H{bx} V{ay} H{ax} V26", path)
    assert cx not in path
    assert cy not in path


def test_one_point_and_none():
    assert "V" in front_chart("", POINTS[:1], LIKE, ERROR)
    assert front_chart("", [], LIKE, ERROR) == ""


def test_the_axes_say_which_way_is_better():
    text = " ".join(ElementTree.fromstring(front_chart("", POINTS, LIKE, ERROR)).itertext())
    assert "like · AUC, better →" in text
    assert "↓ better, stars · RMSE" in text
    assert "← better, stars · RMSE" in " ".join(ElementTree.fromstring(front_chart("", POINTS, ERROR, LIKE)).itertext())
