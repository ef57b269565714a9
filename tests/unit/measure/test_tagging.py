"""Figures of phrases: by hand, against counting one by one, and what must hold."""

import numpy as np
import pytest

from plait.measure import Outcome, decisive, evaluate, quick


def triples(*phrases, width=3):
    """Write phrases (first, last) as padded triples with a chance."""
    flat = [part for first, last in phrases for part in (first, last, 0.9)]
    return flat + [-1.0] * (3 * width - len(flat))


def pairs(*phrases, width=3):
    flat = [part for phrase in phrases for part in phrase]
    return [float(part) for part in flat] + [-1.0] * (2 * width - len(flat))


def outcome(found, marked, **more):
    return Outcome(np.array([triples(*f) for f in found]), np.array([pairs(*m) for m in marked]), **more)


def test_by_hand():
    given = outcome([[(1, 2), (5, 5)], [(3, 4)], []], [[(1, 2), (7, 8)], [(3, 5)], [(2, 2)]])
    # Exactly one of three found is right, of four marked. (3, 4) touches (3, 5), which gives both of them half a credit.
    assert quick("tagging", given, "precision") == pytest.approx(1 / 3)
    assert quick("tagging", given, "recall") == pytest.approx(1 / 4)
    assert quick("tagging", given, "f1") == pytest.approx(2 / 7)
    assert quick("tagging", given, "precision_partial") == pytest.approx(1.5 / 3)
    assert quick("tagging", given, "recall_partial") == pytest.approx(1.5 / 4)
    assert quick("tagging", given, "f1_partial") == pytest.approx(3 / 7)


def test_f1_decides_and_every_figure_has_an_interval():
    assert decisive("tagging") == "f1"
    rng = np.random.default_rng(0)
    found = [[(int(a), int(a) + 1)] for a in rng.integers(0, 5, 300)]
    marked = [[(int(a), int(a) + 1)] for a in rng.integers(0, 5, 300)]
    for metric, figure in evaluate("tagging", outcome(found, marked), 1).items():
        assert figure.low < figure.value < figure.high, metric


def test_as_counting_one_by_one():
    rng = np.random.default_rng(3)

    def draw():
        starts = np.sort(rng.choice(12, size=rng.integers(0, 4), replace=False))
        ends = np.append(starts, 12)[1:] - 1
        return [(int(a), int(rng.integers(a, b + 1))) for a, b in zip(starts, ends, strict=True)]

    found, marked = [draw() for _ in range(5000)], [draw() for _ in range(5000)]
    weight = rng.gamma(1.0, 1.0, 5000)
    above = {0.0: 0.0, 0.5: 0.0}
    below = sum(w * (len(f) + len(m)) for f, m, w in zip(found, marked, weight, strict=True))
    for half in above:
        for f, m, w in zip(found, marked, weight, strict=True):
            for one, other in ((f, m), (m, f)):
                for a, b in one:
                    touched = any(a <= d and c <= b for c, d in other)
                    above[half] += w * (1.0 if (a, b) in other else half if touched else 0.0)
    given = outcome(found, marked, weight=weight)
    assert quick("tagging", given, "f1") == pytest.approx(above[0.0] / below)
    assert quick("tagging", given, "f1_partial") == pytest.approx(above[0.5] / below)


def test_a_part_never_counts_more_than_the_whole():
    given = outcome([[(1, 4)]], [[(1, 1), (2, 2), (4, 4)]])
    assert quick("tagging", given, "precision_partial") == 0.5
    assert quick("tagging", given, "recall_partial") == 0.5


def test_nothing_found_and_nothing_marked_is_undefined_and_says_why():
    figures = evaluate("tagging", outcome([[]], [[]]), 1)
    assert figures["f1"].reason == "no phrase is marked and none is found"
    assert figures["precision"].reason == "no phrase is found"
    assert figures["recall"].reason == "no phrase is marked"
    assert quick("tagging", outcome([[(1, 1)]], [[]]), "f1") == 0.0


def test_outcomes_without_room_for_a_phrase():
    given = Outcome(np.empty((2, 0)), np.array([pairs((1, 2)), pairs()]))
    assert quick("tagging", given, "f1") == 0.0
