"""What a run says about itself: `report.json`, `figures.json`, `report.html` and the words on the terminal."""

from plait.report.content import DataReport, Figure, GainFigure, Report, TaskReport
from plait.report.figures import Change, Cosine, DataSummary, Figures, Gate, LabelSummary, Transfer, Weights
from plait.report.html import render
from plait.report.words import compare_lines, compare_rows, comparison_lines, metric_name, summary

__all__ = [
    "Change",
    "Cosine",
    "DataReport",
    "DataSummary",
    "Figure",
    "Figures",
    "GainFigure",
    "Gate",
    "LabelSummary",
    "Report",
    "TaskReport",
    "Transfer",
    "Weights",
    "compare_lines",
    "compare_rows",
    "comparison_lines",
    "metric_name",
    "render",
    "summary",
]
