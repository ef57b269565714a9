"""From which chance on an answer to a question counts as known: chosen on the validation part, tried on the test part."""

from typing import Final, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from plait.data.questions import Answers
from plait.layout import TaskLayout
from plait.run.reads import reading_of
from plait.run.run import Run
from plait.schema import Settings
from plait.tasks.base import TwoTower

__all__ = ["Certainty", "Tried", "certainties", "certainty", "chances", "choose", "tried"]

_ROWS: Final = 5_000
_FEWEST: Final = 20
_WANTED: Final = 0.8
_TRIES: Final = 20
_RISK: Final = 0.05


class Tried(Settings):
    """What answering from some chance on comes to, on one part of the questions."""

    precision: float | None
    """Of the questions that are answered, the share that is answered right; None where none is."""
    at_least: float
    """What that share is in truth at the least, with a certainty of 95 %."""
    coverage: float
    """The share of questions that are answered."""
    questions: int
    """How many were asked."""


class Certainty(Settings):
    """When an answer counts as known."""

    wanted: float
    """The share of answers that should be right."""
    threshold: float | None
    """The chance from which on an answer is given; None where from no chance on as many are surely right: then none is."""
    valid: Tried
    """On the validation part, on which the threshold was chosen; without one, the best that was found."""
    test: Tried | None = None
    """On the test part, which had no say."""


def certainties(run: Run) -> dict[str, Certainty]:
    """Return, for each retrieval task that reads nothing but a text, when its answers count as known."""
    found = {}
    for name, task in run.layout.tasks.items():
        if task.kind == "retrieval" and reading_of(run, task) is not None:
            sure = certainty(run, task, run.scorer.candidates(name).float())
            if sure is not None:
                found[name] = sure
    return found


def certainty(run: Run, task: TaskLayout, places: Float[Tensor, "N R"]) -> Certainty | None:
    """Ask the questions of the validation part, choose, and ask those of the test part; None where there are too few.

    Args:
        run: the run.
        task: a retrieval task.
        places: where its candidates lie.
    """
    asked = _asked(run, task, places, "valid")
    if asked is None:
        return None
    sure = choose(*asked)
    asked = _asked(run, task, places, "test")
    if asked is None or sure.threshold is None:
        return sure
    return sure.model_copy(update={"test": tried(*asked, sure.threshold)})


def chances(run: Run, task: TaskLayout, queries: Float[Tensor, "B R"], places: Float[Tensor, "N R"]) -> Float[Tensor, "B N"]:
    """Return the chance of each answer among all; how much the best stands out tells more than how near it lies."""
    head = run.model.head(task.name)
    assert isinstance(head, TwoTower)
    with torch.no_grad():
        scores = head.scores(queries, places)
    scores[:, 0] = -torch.inf
    return scores.softmax(dim=1)


def choose(scores: Float[Tensor, " n"], right: Bool[Tensor, " n"]) -> Certainty:
    """Choose the chance from which on an answer counts as known.

    Tried are the chances above which 5 %, 10 %, … 100 % of the questions lie. Of those above which at least four of five
    answers are surely right, the lowest is taken, so that as many questions as can be are answered. Surely: by the lower
    bound of Clopper and Pearson at a risk of 5 % that all tries share, so that what is chosen keeps what it promises,
    however many were tried.

    Args:
        scores: of the best answer to each question.
        right: whether that is right.

    References:
        Clopper, Pearson: The use of confidence or fiducial limits illustrated in the case of the binomial, Biometrika 1934,
        https://doi.org/10.1093/biomet/26.4.404.
    """
    order = scores.sort(descending=True).values
    places = {max(1, round(len(order) * share / _TRIES)) - 1 for share in range(1, _TRIES + 1)}
    found = [(float(order[place]), tried(scores, right, float(order[place]), len(places))) for place in sorted(places)]
    good = [(threshold, one) for threshold, one in found if one.at_least >= _WANTED]
    if good:
        threshold, best = good[-1]
        return Certainty(wanted=_WANTED, threshold=threshold, valid=best)
    return Certainty(wanted=_WANTED, threshold=None, valid=max((one for _, one in found), key=lambda one: one.at_least))


def tried(scores: Float[Tensor, " n"], right: Bool[Tensor, " n"], threshold: float, tries: int = 1) -> Tried:
    """Say what answering from a chance on comes to.

    Args:
        scores: of the best answer to each question.
        right: whether that is right.
        threshold: the chance.
        tries: how many thresholds share the risk that the bound does not hold.
    """
    answered = scores >= threshold
    whole, part = int(answered.sum()), int(right[answered].sum())
    return Tried(
        precision=part / whole if whole else None,
        at_least=_least(part, whole, _RISK / tries),
        coverage=whole / len(scores),
        questions=len(scores),
    )


def _least(part: int, whole: int, risk: float) -> float:
    """Return what a share is at the least, but for a risk."""
    from scipy.special import betaincinv

    return float(betaincinv(part, whole - part + 1, risk)) if part else 0.0


def _asked(run: Run, task: TaskLayout, places: Tensor, part: Literal["valid", "test"]) -> tuple[Tensor, Tensor] | None:
    """Ask the questions of a part; return the chance of the best answer to each, and whether it is right."""
    prepared = run.prepared
    table = prepared.tables[task.table]
    rows = prepared.rows(task.name, part)
    if len(rows) > _ROWS:
        rows = rows[torch.linspace(0, len(rows) - 1, _ROWS).long()]
    if len(rows) < _FEWEST or task.target_role is None:
        return None
    queries = run.scorer.outputs(task.table, rows, [task.name])[task.name]
    best = [chances(run, task, some, places).max(dim=1) for some in torch.split(queries, 512)]
    said = torch.cat([found.indices for found in best])
    key = table.layout.keys[prepared.layout.paths[task.table][task.target_role][0]]
    every: Int[Tensor, " rows"] = table.matrix[:, key].long()
    right = every[rows] == said
    if task.name in table.questions:
        place, other = Answers(table, task.name, every).others(table.questions[task.name][rows], every[rows])
        right[place[said[place] == other]] = True
    return torch.cat([found.values for found in best]), right
