"""The page: complete, self-contained, safe, and the same in any browser."""

import re
from xml.etree import ElementTree

import pytest

from plait.report import Figure, Figures, GainFigure, TaskReport, render
from plait.report.pictures import ForestRow, Line, forest_axis, forest_strip, line_chart, range_strip, reliability
from plait.report.pictures.scale import steps, tick_text
from support.pages import checked
from support.reports import NO_GAIN, pair, undefined


@pytest.fixture(scope="module")
def whole():
    return pair(200)


def test_the_page_has_every_part(whole):
    page = render(*whole, "name: movies\n")
    words = checked(page)
    for heading in (
        "Gain against the task alone",
        "All figures",
        "Learning curves",
        "Calibration",
        "Who uses which expert",
        "Do the tasks pull the same way?",
        "Weights of the losses",
        "Training losses",
        "The data",
        "How it was measured",
        "The recipe with every default written out",
    ):
        assert heading in words
    assert "Sharing hurt next" in words
    assert "by time: the newest 10 % test" in words


def test_the_page_asks_nobody_and_runs_nothing(whole):
    page = render(*whole)
    assert not re.search(r"(src|href|url|@import)\s*[=(]", page)
    assert "<script" not in page
    assert "http" not in page
    assert len(page.encode()) < 500_000


def test_every_picture_is_well_formed_and_says_what_it_shows(whole):
    pictures = re.findall(r"<svg class=\"(?:chart|strip|ranges).*?</svg>(?=\s*<)", render(*whole), re.DOTALL)
    assert len(pictures) > 30
    for picture in re.findall(r"<svg class=\"chart.*?</svg>", render(*whole), re.DOTALL):
        root = ElementTree.fromstring(picture)
        assert root.get("role") == "img"
        assert root.get("aria-label")
        assert root.find("title").text == root.get("aria-label")


def test_names_cannot_break_the_page(whole):
    report, figures = whole
    evil = '<script>alert("1")</script>&amp;'
    tasks = {evil: report.tasks["like"], "next": report.tasks["next"]}
    curves = {evil: figures.curves["like"]}
    gates = {evil: figures.gates["level 1"]}
    page = render(
        report.model_copy(update={"tasks": tasks, "recipe": evil, "warnings": [evil], "how": {evil: evil}}),
        figures.model_copy(update={"curves": curves, "losses": {evil: [(1, 0.5)]}, "gates": gates}),
        evil,
    )
    assert "<script" not in page
    assert evil in checked(page)


def test_a_report_without_baselines_or_series(whole):
    report, _ = whole
    alone = {name: task.model_copy(update={"alone": {}, "gain": None}) for name, task in report.tasks.items()}
    words = checked(render(report.model_copy(update={"tasks": alone, "gain": None, "hurt": []}), Figures()))
    assert "Not compared with the tasks alone" in words
    assert "Gain against the task alone" not in words
    assert "Learning curves" not in words


def test_undefined_figures_show_their_reason(whole):
    report, _ = whole
    task = TaskReport(kind="binary", metric="auc", joint=undefined("binary"), gain=GainFigure.of(NO_GAIN))
    words = checked(render(report.model_copy(update={"tasks": {"buy": task}}), Figures()))
    assert "– all 7 labels are 1" in words


def test_trees_are_shown_where_they_were_made(whole):
    report, _ = whole
    task = report.tasks["like"].model_copy(update={"trees": {"auc": Figure(value=0.7, low=0.69, high=0.71)}})
    words = checked(render(report.model_copy(update={"tasks": {"like": task}}), Figures()))
    assert "joint alone trees" in words
    assert "0.690 – 0.710" in words


def test_how_it_was_measured_can_be_said_better(whole):
    report, _ = whole
    words = checked(render(report.model_copy(update={"how": {"Alone": "half the size"}}), Figures()))
    assert "half the size" in words
    assert "without the other tasks" not in words


ROWS = [ForestRow("a", 0.02, 0.01, 0.03, "better"), ForestRow("b", -0.01, -0.02, 0.005, "same")]


def test_forest_strips_share_one_axis():
    first, second = (forest_strip(row, ROWS, row.name) for row in ROWS)
    zero = r'class="zero" x1="([\d.]+)%"'
    assert re.search(zero, first)[1] == re.search(zero, second)[1]
    assert "M0 -7.5" in first
    assert '<circle r="5.5"/>' in second
    assert "+2 %" in forest_axis(ROWS)


def test_an_interval_far_beyond_the_others_is_cut_with_an_arrow():
    wild = ForestRow("c", 9.0, -20.0, 50.0, "same")
    assert forest_strip(wild, [*ROWS, wild], "c").count("L1 0 L-5 5") == 1
    assert "L1 0 L-5 5" not in forest_strip(ROWS[0], [*ROWS, wild], "a")


def test_gaps_part_a_line_and_the_kept_epoch_is_ringed():
    points = [(1.0, 0.1), (2.0, 0.2), (3.0, None), (4.0, 0.3), (5.0, 0.4)]
    chart = line_chart("w", [Line("joint", "joint", points, kept=2)], "epoch")
    assert chart.count("<path") == 2
    assert chart.count('class="kept"') == 1
    assert "joint, epoch 2: 0.2, kept" in chart


def test_nothing_known_draws_nothing():
    assert line_chart("w", [Line("joint", "joint", [(1.0, None)])], "epoch") == ""
    assert reliability("w", {"joint": []}) == ""


def test_one_point_constant_and_huge_values_are_drawn():
    for values in ([0.5], [0.0, 0.0], [1e9, 3e9], [-1e-9, 1e-9]):
        points = [(float(x), y) for x, y in enumerate(values)]
        ElementTree.fromstring(line_chart("w", [Line("joint", "joint", points)], "epoch"))
    ElementTree.fromstring(reliability("w", {"joint": [(0.0, 0.0, 3)]}))
    ElementTree.fromstring(reliability("w", {"joint": [(-5.0, 1e6, 3), (2.0, 3.0, 0)]}))
    ElementTree.fromstring(range_strip([("joint", 0.5, None, None)], "w"))


def test_many_points_are_thinned():
    chart = line_chart("w", [Line("joint", "joint", [(float(k), float(k % 7)) for k in range(10_000)])], "step")
    assert len(chart) < 5000


def test_ticks_are_round():
    assert steps(0.0, 1.0, 4) == [0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert steps(-0.03, 0.11, 5) == [-0.025, 0, 0.025, 0.05, 0.075, 0.1]
    assert [tick_text(x, [0.0, 0.25, 0.5]) for x in (0.0, 0.25, 0.5)] == ["0", "0.25", "0.50"]
    assert tick_text(-20_000.0, [-20_000.0, 0.0]) == "−20k"
