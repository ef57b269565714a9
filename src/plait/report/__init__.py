"""What a run says about itself: `report.json`, `figures.json`, `report.html` and the words on the terminal."""

from plait.report.content import DataReport, Figure, GainFigure, Report, TaskReport
from plait.report.figures import Change, Cosine, DataSummary, Figures, Gate, LabelSummary, Transfer, Weights
from plait.report.front import Front, Solution, front_lines, render_front
from plait.report.html import render
from plait.report.words import compare_lines, compare_rows, comparison_lines, metric_name, summary

__all__ = [
    "Change",
    "Cosine",
    "DataReport",
    "DataSummary",
    "Figure",
    "Figures",
    "Front",
    "GainFigure",
    "Gate",
    "LabelSummary",
    "Report",
    "Solution",
    "TaskReport",
    "Transfer",
    "Weights",
    "compare_lines",
    "compare_rows",
    "comparison_lines",
    "front_lines",
    "metric_name",
    "render",
    "render_front",
    "summary",
]
