"""Arrays in, numbers out: figures with intervals, gains in pairs. Knows no model, no file and no torch."""

from plait.measure.calibration import curve
from plait.measure.combined import combined
from plait.measure.interval import evaluate, quick
from plait.measure.kinds import decisive, larger_is_better, metrics
from plait.measure.load import Load, load
from plait.measure.outcome import Gain, Interval, Outcome, Verdict
from plait.measure.paired import combine, gain
from plait.measure.pareto import dominated
from plait.measure.spread import mean_interval

__all__ = [
    "Gain",
    "Interval",
    "Load",
    "Outcome",
    "Verdict",
    "combine",
    "combined",
    "curve",
    "decisive",
    "dominated",
    "evaluate",
    "gain",
    "larger_is_better",
    "load",
    "mean_interval",
    "metrics",
    "quick",
]
