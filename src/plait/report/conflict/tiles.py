"""The picture of why: angles over time, angles by part of the model, and what steps for one task do to the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

from plait.measure import mean_interval
from plait.report.conflict.pulls import Pull, Push, pulls, pushes
from plait.report.conflict.words import cosine_words, percents, sentences, thresholds
from plait.report.content import Report
from plait.report.figures import Figures
from plait.report.pictures import Line, line_chart
from plait.report.pictures.scale import around
from plait.report.tiles import Heat, Tile, heats, weight_tiles
from plait.report.words import number

__all__ = ["Cell", "Table", "Why", "why"]

_MOST_TILES: Final = 12
_MOST_ROWS: Final = 24


@final
@dataclass(frozen=True, slots=True)
class Cell:
    """One coloured number: `kind` is `apart` or `together`, with `sure` and `own`, or `unknown`; `shade` is 0 to 100."""

    text: str
    kind: str
    shade: int
    words: str


@final
@dataclass(frozen=True, slots=True)
class Table:
    """Coloured numbers under names."""

    caption: str
    note: str
    columns: list[str]
    rows: list[tuple[str, list[Cell]]]


@final
@dataclass(frozen=True, slots=True)
class Why:
    """Everything the section shows; what was not measured is empty."""

    sentences: list[str]
    thresholds: str
    tiles: list[Tile]
    pairs: int
    """How many pairs of tasks there are, of which `tiles` may show some."""
    parts: Table | None
    transfer: Table | None
    heats: list[Heat]
    weights: list[Tile]


def why(report: Report, figures: Figures) -> Why:
    """Lay the section out."""
    found = pulls(figures.cosine)
    tiles, pairs = _cosine_tiles(figures, found)
    return Why(
        sentences=sentences(report, figures),
        thresholds=thresholds(),
        tiles=tiles,
        pairs=pairs,
        parts=_parts(found),
        transfer=_transfer(figures),
        heats=heats(figures),
        weights=weight_tiles(figures),
    )


def _cosine_tiles(figures: Figures, found: list[Pull]) -> tuple[list[Tile], int]:
    """Draw the cosine of the pairs that conflict most: a dot per draw, the mean of each epoch, its interval as a band."""
    whole = sorted((pull for pull in found if not pull.part), key=lambda pull: pull.cosine.value)
    cosine, shown = figures.cosine, []
    for pull in whole[:_MOST_TILES]:
        values = cosine.pairs[f"{pull.first} | {pull.second}"]
        shown.append((pull, [(float(x), y) for x, y in zip(cosine.steps, values, strict=False)]))
    known = [y for _, points in shown for _, y in points if y is not None]
    reach = around([-0.1, 0.1, *known], 0.05) if known else None
    tiles = []
    for pull, points in shown:
        colour = {"apart": "worse", "together": "joint"}.get(pull.direction, "quiet")
        means = _epochs(cosine.epochs, points)
        line = Line("mean of an epoch", colour, [(x, y) for x, y, _, _ in means], band=[(x, a, b) for x, _, a, b in means])
        title = f"{pull.first} · {pull.second}"
        note = f"mean {cosine_words(pull.cosine)}, below 0 in {100 * pull.against:.0f} % of {pull.draws} draws"
        words = f"{title}: gradient cosine by step, {note}"
        picture = line_chart(words, [Line("draw", colour, points, dots=True), line], "step", reach, True)
        tiles.append(Tile(title, note, picture))
    return [tile for tile in tiles if tile.picture], len(whole)


def _epochs(epochs: list[int], points: list[tuple[float, float | None]]) -> list[tuple[float, float, float, float]]:
    """Return per epoch the middle of its steps, the mean, and the interval of the mean, or the mean again without one."""
    result = []
    for epoch in dict.fromkeys(epochs if len(epochs) == len(points) else []):
        part = [(x, y) for (x, y), at in zip(points, epochs, strict=True) if at == epoch and y is not None]
        if part:
            mean = mean_interval([y for _, y in part])
            low, high = (mean.low, mean.high) if mean.low == mean.low else (mean.value, mean.value)
            result.append((sum(x for x, _ in part) / len(part), mean.value, max(low, -1.0), min(high, 1.0)))
    return result


def _parts(found: list[Pull]) -> Table | None:
    """Lay out the mean cosine of every pair at every part, the pair that conflicts most first."""
    parts = list(dict.fromkeys(pull.part for pull in found if pull.part))
    if not parts:
        return None
    at = {(pull.first, pull.second, pull.part): pull for pull in found}
    pairs = dict.fromkeys((pull.first, pull.second) for pull in found)
    order = sorted(pairs, key=lambda pair: min(p.cosine.value for p in found if (p.first, p.second) == pair))
    rows = [
        (f"{first} · {second}", [_angle(at.get((first, second, part))) for part in ("", *parts)])
        for first, second in order[:_MOST_ROWS]
    ]
    more = f" The {_MOST_ROWS} of {len(order)} pairs that conflict most." if len(order) > _MOST_ROWS else ""
    note = (
        "Mean over the draws, or from the epoch on from which it pulls one way. Bold where they pull apart or the same way "
        f"by the rule above; a dash where the two do not meet.{more}"
    )
    return Table("Cosine between gradients, by part of the model", note, ["all they share", *parts], rows)


def _angle(pull: Pull | None) -> Cell:
    if pull is None:
        return Cell("–", "unknown", 0, "the two tasks do not meet here")
    value = pull.cosine.value
    since = f", from epoch {pull.since}" if pull.since > 1 else ""
    words = f"{pull.first} and {pull.second}, {pull.part or 'all they share'}: {cosine_words(pull.cosine)}{since}"
    text = f"{value:+.2f}".replace("-", "−") if abs(value) >= 0.005 else "0.00"
    sure = pull.direction in ("apart", "together")
    return Cell(text, _side(value) + (" sure" if sure else ""), round((100 if sure else 40) * abs(value)), words)


def _transfer(figures: Figures) -> Table | None:
    """Lay out by how much a step for the task of a row lowers the loss of the task of a column."""
    found = {(push.source, push.target): push for push in pushes(figures)}
    transfer = figures.transfer
    if len(transfer.tasks) < 2 or not found:
        return None
    most = max((abs(push.value) for push in found.values()), default=0.0) or 1.0
    rows = [(f"step for {one}", [_change(found.get((one, two)), one == two, most) for two in transfer.tasks])
            for one in transfer.tasks]  # fmt: skip
    held = "validation rows" if transfer.held == "valid" else "training rows that the step did not see"
    when = "during training" if transfer.when == "training" else "with the finished model"
    note = (
        f"By how many percent one plain gradient step (learning rate {number(transfer.rate)}) for the task of a row "
        f"lowers the loss of the task of a column, on {held}; mean of {transfer.batches} draws {when}. Below 0 the loss "
        "rises. Bold where the 95 % interval over draws excludes 0. A task’s step for itself has a dashed frame."
    )
    return Table("What a step for one task does to the others", note, [f"loss of {name}" for name in transfer.tasks], rows)


def _change(push: Push | None, own: bool, most: float) -> Cell:
    if push is None:
        return Cell("–", "unknown", 0, "not measured often enough for an interval")
    text = percents(push.value)
    edges = f"{percents(push.low)} to {percents(push.high)}"
    words = f"a step for {push.source} lowers the loss of {push.target} by {text} % ({edges})"
    sure = push.direction != "neither"
    kind = f"{_side(push.value)}{' sure' if sure else ''}{' own' if own else ''}"
    return Cell(text, kind, round((100 if sure else 40) * (abs(push.value) / most) ** 0.5), words)


def _side(value: float) -> str:
    return "apart" if value < 0 else "together"
