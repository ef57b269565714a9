"""Reports in words: the table a terminal shows, and the sentences that say plainly which tasks sharing hurt."""

from __future__ import annotations

from plait.report.content import Figure, GainFigure, Report, TaskReport

__all__ = [
    "compare_lines",
    "compare_rows",
    "comparison_lines",
    "figure_words",
    "gain_words",
    "headline",
    "metric_name",
    "names",
    "number",
    "percent",
    "rule_lines",
    "summary",
    "table",
]

_NAMES = {
    "auc": "AUC",
    "auc_per_user": "AUC per user",
    "auc_macro": "AUC, mean of classes",
    "pr_auc": "PR-AUC",
    "log_loss": "log loss",
    "ece": "calibration error",
    "predicted_over_observed": "predicted / observed",
    "f1": "F1",
    "f1_macro": "F1, mean of classes",
    "f1_micro": "F1, all classes",
    "f1_partial": "F1, parts count",
    "precision_partial": "precision, parts count",
    "recall_partial": "recall, parts count",
    "precision_macro": "precision, mean of classes",
    "precision_micro": "precision, all classes",
    "recall_macro": "recall, mean of classes",
    "recall_micro": "recall, all classes",
    "rmse": "RMSE",
    "pinball": "pinball loss",
    "quantile_error": "quantile error",
    "mae": "MAE",
    "r2": "R²",
    "spearman": "Spearman",
    "gini": "Gini",
    "kappa": "quadratic kappa",
    "within_one": "within one level",
    "mrr": "MRR",
}


def metric_name(metric: str) -> str:
    """Name a figure as a person would."""
    if metric.startswith("ndcg"):
        return metric.replace("ndcg", "NDCG")
    return _NAMES.get(metric, metric.replace("_", " "))


def number(value: float | None) -> str:
    """Write a number with the digits that matter: three decimals below 10, fewer above, a dash for none."""
    if value is None:
        return "–"
    size = abs(value)
    if size == 0:
        return "0"
    digits = 4 if size < 0.1 else 3 if size < 10 else 2 if size < 100 else 1 if size < 10_000 else 0
    return f"{value:,.{digits}f}".replace("-", "−")


def percent(value: float | None) -> str:
    """Write a relative gain with its sign."""
    if value is None:
        return "–"
    digits = 1 if abs(value) < 1 else 0
    text = f"{100 * value:+,.{digits}f}"
    return ("±0.0" if text in {"+0.0", "-0.0"} else text.replace("-", "−")) + " %"


def figure_words(figure: Figure | None) -> str:
    """Write a figure with its interval; a dash for none."""
    if figure is None or figure.value is None:
        return "–"
    if figure.low is None or figure.high is None:
        return number(figure.value)
    return f"{number(figure.value)} [{number(figure.low)}–{number(figure.high)}]"


def gain_words(gain: GainFigure | None) -> str:
    """Write a gain with its interval."""
    if gain is None or gain.value is None:
        return "–"
    if gain.low is None or gain.high is None:
        return percent(gain.value)
    low, high = percent(gain.low).removesuffix(" %"), percent(gain.high).removesuffix(" %")
    return f"{percent(gain.value)} [{low} to {high}]"


def table(rows: list[list[str]]) -> list[str]:
    """Align columns under a header and a rule."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [lines[0], "─" * max(len(line) for line in lines), *lines[1:]]


def names(tasks: list[str]) -> str:
    """Join names as a sentence does."""
    return tasks[0] if len(tasks) == 1 else f"{', '.join(tasks[:-1])} and {tasks[-1]}"


def _with_verdict(report: Report, verdict: str) -> list[str]:
    return [
        name
        for name, task in report.tasks.items()
        if task.gain is not None and task.gain.value is not None and task.gain.verdict == verdict
    ]


def headline(report: Report) -> str:
    """Say in one line what sharing did."""
    helped, same, hurt = (len(_with_verdict(report, verdict)) for verdict in ("better", "same", "worse"))
    compared = helped + same + hurt
    if not compared:
        return "Not compared with the tasks alone"
    if compared == 1:
        return f"Sharing {'helped' if helped else 'hurt' if hurt else 'made no difference to'} the one task compared"
    if not helped and not hurt:
        return f"Sharing made no measurable difference to any of {compared} tasks"
    if hurt and not helped:
        return f"Sharing hurt {_out_of(hurt, compared)}"
    return f"Sharing helped {_out_of(helped, compared)} and hurt {hurt or 'none'}"


def _out_of(some: int, compared: int) -> str:
    return f"all {compared} tasks" if some == compared else f"{some} of {compared} tasks"


def summary(report: Report) -> list[str]:
    """Say which tasks sharing helped, left as they were, and hurt, with the mean gain; one sentence each."""
    helped, same, hurt = (_with_verdict(report, verdict) for verdict in ("better", "same", "worse"))
    unknown = [name for name, task in report.tasks.items() if task.gain is not None and task.gain.value is None]
    if not (helped or same or hurt or unknown):
        return ["The tasks were not trained alone, so this report cannot say whether sharing helped."]
    sentences = []
    if hurt:
        sentences.append(f"Sharing hurt {_counted(report, hurt)}.")
    if helped:
        sentences.append(f"Sharing helped {_counted(report, helped)}.")
    if same:
        sentences.append(f"{'It' if helped or hurt else 'Sharing'} made no measurable difference to {names(same)}.")
    if not hurt:
        sentences.append("No task was measurably hurt.")
    sentences.extend(f"For {name} there is no comparison: {_reason(report.tasks[name])}." for name in unknown)
    if report.gain is not None:
        sentences.append(f"Mean gain over {'one task' if len(report.tasks) == 1 else 'tasks'}: {percent(report.gain)}.")
    return sentences


def _counted(report: Report, tasks: list[str]) -> str:
    gains = [report.tasks[name].gain for name in tasks]
    return names([f"{name} ({percent(gain.value if gain else None)})" for name, gain in zip(tasks, gains, strict=True)])


def _reason(task: TaskReport) -> str:
    return (task.gain.reason if task.gain else "") or "its figure is undefined"


def comparison_lines(report: Report) -> list[str]:
    """Return the comparison of a run's tasks, jointly and alone, and what follows from it."""
    rows = [["task", "figure", "joint", "alone", "gain", "verdict"]]
    for name, task in report.tasks.items():
        verdict = task.gain.verdict if task.gain is not None and task.gain.value is not None else "–"
        joint, alone = task.joint.get(task.metric), task.alone.get(task.metric)
        rows.append(
            [name, metric_name(task.metric), figure_words(joint), figure_words(alone), gain_words(task.gain), verdict]
        )
    if any(task.trees for task in report.tasks.values()):
        trees = [figure_words(task.trees.get(task.metric)) for task in report.tasks.values()]
        for row, cell in zip(rows, ["trees", *trees], strict=True):
            row.insert(4, cell)
    reasons = [
        f"{name}: {metric_name(task.metric)} is undefined, {task.joint[task.metric].reason}."
        for name, task in report.tasks.items()
        if task.metric in task.joint and task.joint[task.metric].value is None
    ]
    return [*table(rows), "", *reasons, *summary(report), *rule_lines(report)]


def rule_lines(report: Report) -> list[str]:
    """Say of each rule how many labels break it, and how many test predictions would have."""
    return [
        f"Rule {name}, about {rule.task}: {sum(rule.labels.values()):,} of {sum(rule.forbidden.values()):,} labels break "
        f"it; of {rule.forbidden.get('test', 0):,} test predictions {rule.predictions:,} would have, and none does."
        for name, rule in report.rules.items()
    ]


def compare_rows(reports: dict[str, Report]) -> list[dict[str, str | float | None]]:
    """Return one row per task and run: the decisive figure with its interval, and the gain against alone.

    Args:
        reports: name of the run -> its report.
    """
    tasks = list(dict.fromkeys(task for report in reports.values() for task in report.tasks))
    rows: list[dict[str, str | float | None]] = []
    for name in tasks:
        for run, report in reports.items():
            task = report.tasks.get(name)
            if task is None:
                continue
            figure = task.joint.get(task.metric, Figure(value=None, low=None, high=None))
            gain = task.gain or GainFigure(value=None, low=None, high=None, verdict="same")
            rows.append(
                {
                    "task": name,
                    "metric": task.metric,
                    "run": run,
                    "value": figure.value,
                    "low": figure.low,
                    "high": figure.high,
                    "gain": gain.value,
                    "verdict": gain.verdict if gain.value is not None else None,
                }
            )
    return rows


def compare_lines(reports: dict[str, Report]) -> list[str]:
    """Return runs side by side: a row per task and decisive figure, a column per run, and each run's mean gain.

    Args:
        reports: name of the run -> its report.
    """
    rows = [["task", "figure", *reports]]
    tasks = {name: task.metric for report in reversed(reports.values()) for name, task in report.tasks.items()}
    first = next(iter(reports.values()))
    for name in dict.fromkeys([*first.tasks, *tasks]):
        cells = [report.tasks.get(name) for report in reports.values()]
        metric = tasks[name]
        rows.append([name, metric_name(metric), *(figure_words(task.joint.get(metric)) if task else "–" for task in cells)])
    rows.append(["mean gain", "against alone", *(percent(report.gain) for report in reports.values())])
    hurt = [f"In {run}, sharing hurt {names(report.hurt)}." for run, report in reports.items() if report.hurt]
    return [*table(rows), "", *(hurt or ["No run measurably hurt a task."])]
