"""A report of five tasks with everything in it, made up but consistent, for tests and for looking at the page."""

from functools import cache

import numpy as np

from plait.measure import Gain, Interval, Outcome, combined, curve, decisive, evaluate, gain, metrics
from plait.report import (
    Cosine,
    DataReport,
    DataSummary,
    Figure,
    Figures,
    GainFigure,
    Gate,
    LabelSummary,
    Report,
    TaskReport,
    Weights,
)

KINDS = {"like": "binary", "stars": "regression", "next": "retrieval", "genre": "multilabel", "spend": "amount"}
SKILL = {"like": (1.25, 1.0), "stars": (1.05, 1.0), "next": (1.0, 1.12), "genre": (1.4, 1.0), "spend": (1.0, 1.0)}


def outcomes(name, size, seed):
    """Joint and alone outcomes of one task on the same examples."""
    rng = np.random.default_rng(seed)
    kind, (joint, alone) = KINDS[name], SKILL[name]
    truth = rng.normal(size=size)
    users = rng.integers(0, size // 12, size)
    noise = rng.normal(size=size)

    def say(skill):
        return truth * skill + 1.1 * noise + 0.2 * rng.normal(size=size)

    if kind == "binary":
        label = (truth + 0.4 * rng.normal(size=size) > 0.3).astype(float)[:, None]
        return [Outcome(1 / (1 + np.exp(-say(s)))[:, None], label, unit=users) for s in (joint, alone)]
    if kind == "regression":
        label = (3.5 + truth)[:, None]
        return [Outcome((3.5 + say(s) / (1 + s) + 0.1)[:, None], label) for s in (joint, alone)]
    if kind == "amount":
        label = np.where(truth > 0.2, np.exp(truth), 0)[:, None]
        return [Outcome(np.exp(say(s) - 0.7)[:, None], label) for s in (joint, alone)]
    if kind == "multilabel":
        classes = rng.normal(size=(size, 9))
        label = np.where(np.sort(classes)[:, -3:] > 0.8, np.argsort(classes)[:, -3:], -1).astype(float)
        return [Outcome(1 / (1 + np.exp(-classes * s + rng.normal(size=classes.shape))), label) for s in (joint, alone)]
    place = [
        np.ceil(np.exp(1.5 - s + 1.6 * np.abs(noise) + 0.1 * rng.normal(size=size))).astype(int) for s in (joint, alone)
    ]
    top = rng.integers(1, 1500, (size, 10))
    empty = np.empty((size, 0))
    return [Outcome(empty, np.ones((size, 1)), unit=users, rank=p, top=top, catalogue=1682) for p in place]


def task_report(name, joint, alone, gained, size, best):
    """What a report says about one task."""
    kind = KINDS[name]
    return TaskReport(
        kind=kind,
        metric=decisive(kind),
        joint={m: Figure.of(i) for m, i in evaluate(kind, joint, 17).items()},
        alone={m: Figure.of(i) for m, i in evaluate(kind, alone, 17).items()},
        gain=GainFigure.of(gained),
        table="movies" if name == "genre" else "ratings",
        examples={"train": 8 * size, "valid": size, "test": size},
        epochs=best,
    )


def series(name, task, sides, rng):
    """Curves, losses and calibration of one task."""
    end = {"joint": task.joint[task.metric].value, "alone": task.alone[task.metric].value}
    curves = {
        side: [(e, end[side] * (1 - 0.25 * np.exp(-e / 1.5) + 0.004 * rng.normal())) for e in range(1, 9)] for side in end
    }
    losses = [(e, 0.4 + np.exp(-e / 2) + 0.03 * rng.normal()) for e in range(1, 9)]
    if KINDS[name] == "retrieval":
        return curves, losses, {}
    observed = (lambda o: o.label[:, 0] == 0) if KINDS[name] == "multilabel" else (lambda o: o.label[:, 0])
    return curves, losses, {side: curve(o.prediction[:, 0].clip(0), observed(o), 10) for side, o in sides.items()}


def signals(rng):
    """Gates, cosines and weights."""
    names, steps, epochs = list(KINDS), list(range(0, 1600, 20)), list(range(1, 9))
    pairs = {
        f"{a} | {b}": [float(np.tanh((0.5 - 0.28 * (i + j)) + 0.25 * rng.normal())) for _ in steps]
        for i, a in enumerate(names)
        for j, b in enumerate(names)
        if i < j
    }
    experts = [f"shared {k}" for k in range(1, 5)] + ["own 1", "own 2"]
    shares = rng.dirichlet(np.ones(6) * 0.8, size=(2, 5))
    return {
        "gates": {
            f"level {n + 1}": Gate(experts=experts, tasks=dict(zip(names, shares[n].tolist(), strict=True))) for n in (0, 1)
        },
        "cosine": Cosine(steps=steps, pairs=pairs),
        "weights": Weights(
            steps=epochs, tasks={n: [float(1 + 0.3 * i * (1 - np.exp(-e / 2))) for e in epochs] for i, n in enumerate(names)}
        ),
    }


def data_summary(rows, tasks):
    """What went in."""
    return DataSummary(
        rows=rows,
        splits={name: task.examples for name, task in tasks.items()},
        labels={
            "like": LabelSummary(mean=0.554),
            "stars": LabelSummary(mean=3.53, std=1.13),
            "genre": LabelSummary(classes=[("Drama", 0.43), ("Comedy", 0.3), ("Action", 0.15), ("Thriller", 0.15)] * 2),
            "spend": LabelSummary(mean=1.4, std=3.2),
        },
        features={"id": 2, "category": 4, "number": 3, "text": 1, "history": 1},
        unseen={"ratings.movie_id": 0.021, "users.zip": 0.124},
    )


@cache
def pair(size=1500, seed=0):
    """A report and its figures."""
    rng = np.random.default_rng(seed)
    tasks, gains, curves, losses, calibration = {}, [], {}, {}, {}
    for number, (name, kind) in enumerate(KINDS.items()):
        joint, alone = outcomes(name, size, seed + number)
        gains.append(gain(kind, decisive(kind), joint, alone, 17))
        tasks[name] = task_report(name, joint, alone, gains[-1], size, {"joint": 6 - number % 3, "alone": 5})
        curves[name], losses[name], calibration[name] = series(name, tasks[name], {"joint": joint, "alone": alone}, rng)
    report = Report(
        plait="0.1.0",
        recipe="movies",
        seed=17,
        data=DataReport(rows={"ratings": 100000, "movies": 1682, "users": 943}, train=80000, valid=10000, test=10000),
        seconds={"prepare": 1.2, "train": 14.0, "alone": 38.0, "evaluate": 0.8},
        examples_per_second=91000.0,
        parameters=412345,
        tasks=tasks,
        gain=combined(gains),
        hurt=[name for name, one in zip(KINDS, gains, strict=True) if one.verdict == "worse"],
        how={"Split": "by time: the newest 10 % test, the 10 % before validate", "Budget": "8 epochs, patience 2"},
    )
    data = data_summary(report.data.rows, tasks)
    return report, Figures(curves=curves, losses=losses, calibration=calibration, data=data, **signals(rng))


def undefined(kind):
    """Figures of a task without a single usable example."""
    return {metric: Figure.of(Interval.undefined("all 7 labels are 1")) for metric in metrics(kind)}


NO_GAIN = Gain(float("nan"), float("nan"), float("nan"), "same", "all 7 labels are 1")
