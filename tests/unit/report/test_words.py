"""The comparison on the terminal and the sentences under it."""

import pytest

from plait.report import Figure, GainFigure, Report, TaskReport, compare_lines, compare_rows, comparison_lines, summary
from plait.report.words import headline, number, percent
from support.reports import NO_GAIN, pair, undefined


def task(verdict="same", value=0.0, low=-0.01, high=0.01):
    figure = Figure(value=0.781, low=0.772, high=0.79)
    gain = GainFigure(value=value, low=low, high=high, verdict=verdict)
    return TaskReport(kind="binary", metric="auc", joint={"auc": figure}, alone={"auc": figure}, gain=gain)


def report(**tasks):
    whole, _ = pair(200)
    gains = [one.gain.value for one in tasks.values() if one.gain and one.gain.value is not None]
    hurt = [name for name, one in tasks.items() if one.gain and one.gain.verdict == "worse"]
    mean = sum(gains) / len(gains) if gains else None
    return whole.model_copy(update={"tasks": tasks, "gain": mean, "hurt": hurt})


def test_table_is_aligned_and_complete():
    lines = comparison_lines(report(like=task("better", 0.008, 0.001, 0.016), a_longer_name=task()))
    assert lines[0].split() == ["task", "figure", "joint", "alone", "gain", "verdict"]
    assert lines[2].startswith("like           AUC     0.781 [0.772–0.790]  0.781 [0.772–0.790]  +0.8 % [+0.1 to +1.6]")
    assert lines[3].index("AUC") == lines[2].index("AUC")
    assert lines[2].endswith("better")
    assert max(len(line) for line in lines[:4]) <= 100


def test_tasks_that_sharing_hurt_are_named_first():
    found = summary(report(like=task("better", 0.02), stars=task(), nxt=task("worse", -0.031), buy=task("worse", -0.01)))
    assert found == [
        "Sharing hurt nxt (−3.1 %) and buy (−1.0 %).",
        "Sharing helped like (+2.0 %).",
        "It made no measurable difference to stars.",
        "Mean gain over tasks: −0.5 %.",
    ]


def test_no_difference_to_any_task():
    assert summary(report(like=task(), stars=task()))[0] == "Sharing made no measurable difference to like and stars."


def test_no_task_hurt_is_said():
    assert "No task was measurably hurt." in summary(report(like=task("better", 0.02)))


def test_without_tasks_alone_it_says_so():
    alone = task().model_copy(update={"alone": {}, "gain": None})
    assert summary(report(like=alone)) == [
        "The tasks were not trained alone, so this report cannot say whether sharing helped."
    ]


def test_undefined_figures_are_explained():
    empty = TaskReport(kind="binary", metric="auc", joint=undefined("binary"), gain=GainFigure.of(NO_GAIN))
    lines = comparison_lines(report(buy=empty))
    assert "buy: AUC is undefined, all 7 labels are 1." in lines
    assert "For buy there is no comparison: all 7 labels are 1." in lines


def test_trees_have_a_column_where_they_were_made():
    with_trees = task().model_copy(update={"trees": {"auc": Figure(value=0.7, low=0.69, high=0.71)}})
    lines = comparison_lines(report(like=with_trees, stars=task()))
    assert lines[0].split() == ["task", "figure", "joint", "alone", "trees", "gain", "verdict"]
    assert "0.700 [0.690–0.710]" in lines[2]


@pytest.mark.parametrize(
    ("tasks", "words"),
    [
        ({"a": task("better"), "b": task("worse"), "c": task()}, "Sharing helped 1 of 3 tasks and hurt 1"),
        ({"a": task("better"), "b": task("better")}, "Sharing helped all 2 tasks and hurt none"),
        ({"a": task("worse"), "b": task()}, "Sharing hurt 1 of 2 tasks"),
        ({"a": task(), "b": task()}, "Sharing made no measurable difference to any of 2 tasks"),
        ({"a": task("better")}, "Sharing helped the one task compared"),
        ({"a": task().model_copy(update={"gain": None})}, "Not compared with the tasks alone"),
    ],
)
def test_headline(tasks, words):
    assert headline(report(**tasks)) == words


def test_runs_side_by_side():
    reports = {"first": report(like=task(), stars=task("worse", -0.1)), "second": report(like=task("better", 0.1))}
    lines = compare_lines(reports)
    assert lines[0].split() == ["task", "figure", "first", "second"]
    assert lines[3].split()[:2] == ["stars", "AUC"]
    assert lines[3].endswith("–")
    assert lines[4].split() == ["mean", "gain", "against", "alone", "−5.0", "%", "+10.0", "%"]
    assert lines[-1] == "In first, sharing hurt stars."
    rows = compare_rows(reports)
    assert [(row["task"], row["run"], row["verdict"]) for row in rows] == [
        ("like", "first", "same"),
        ("like", "second", "better"),
        ("stars", "first", "worse"),
    ]
    assert rows[0]["value"] == 0.781


def test_numbers_keep_the_digits_that_matter():
    assert [number(x) for x in (0.0, 0.01234, 0.5, -3.14159, 42.123, 1234.56, 123456.7, None)] == [
        "0", "0.0123", "0.500", "−3.142", "42.12", "1,234.6", "123,457", "–",
    ]  # fmt: skip
    assert [percent(x) for x in (0.0123, -0.5, 0.00001, 4.0, None)] == ["+1.2 %", "−50.0 %", "±0.0 %", "+400 %", "–"]


def test_reports_of_nothing_do_not_crash():
    empty = report()
    assert isinstance(empty, Report)
    assert comparison_lines(empty)
    assert compare_lines({"a": empty})
