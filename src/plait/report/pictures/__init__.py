"""Pictures as inline SVG, made by hand: colours come from the page's CSS, so they follow light and dark."""

from plait.report.pictures.forest import ForestRow, forest_axis, forest_strip, range_strip
from plait.report.pictures.front import FrontAxis, FrontPoint, front_chart, on_its_own
from plait.report.pictures.lines import Line, line_chart
from plait.report.pictures.reliability import reliability

__all__ = [
    "ForestRow",
    "FrontAxis",
    "FrontPoint",
    "Line",
    "forest_axis",
    "forest_strip",
    "front_chart",
    "line_chart",
    "on_its_own",
    "range_strip",
    "reliability",
]
