"""The bench on phrases: where they stand, what a dictionary finds, and how what stands nowhere counts."""

from __future__ import annotations

import numpy as np
import pytest
from bench.texts.phrases import Dictionary, Sentence, outcome

from plait.measure import quick

ZOOM = Sentence.of("The zoom is fine , batteries of this camera are not .", ["battery", "Zoom", "price"])


def test_phrases_are_found_whatever_their_case_and_number() -> None:
    assert [ZOOM.spelled(span) for span in ZOOM.marked] == [("zoom",), ("battery",)]
    assert ZOOM.lost == 1
    assert [ZOOM.text[at["start"] : at["end"]] for at in ZOOM.places()] == ["zoom", "batteries"]


def test_the_longest_phrase_has_its_words_to_itself() -> None:
    found = Sentence.of("battery life and battery", ["battery", "battery life"])
    assert found.marked == [(0, 1), (3, 3)]


def test_a_place_in_characters_is_that_of_its_words() -> None:
    assert ZOOM.at(5, 7) == (1, 1), "a part of a word stands for it"
    assert ZOOM.at(4, 11) == (1, 2)
    assert ZOOM.at(16, 18) is None, "a comma is no word"


def test_a_dictionary_knows_what_it_has_seen_and_how_often_it_was_meant() -> None:
    seen = [Sentence.of("this camera", []), Sentence.of("my camera", ["camera"]), Sentence.of("zoom range", ["zoom range"])]
    assert Dictionary(seen, 0.0).mark(ZOOM) == [(7, 7)]
    assert Dictionary(seen, 0.6).mark(ZOOM) == []
    assert Dictionary(seen, 0.0).mark(Sentence.of("a zoom range camera", [])) == [(1, 2), (3, 3)]
    assert Dictionary([], 0.0).mark(ZOOM) == []


@pytest.mark.parametrize(("lost", "value"), [(False, 2 / 4), (True, 2 / 5)])
def test_phrases_that_stand_nowhere_are_missed_or_left_out(lost: bool, value: float) -> None:
    made = outcome([ZOOM, Sentence.of("well", [])], [[(1, 1), (8, 9)], []], lost)
    assert quick("tagging", made, "f1") == pytest.approx(value)
    assert quick("tagging", made, "precision") == pytest.approx(1 / 2)
    assert np.isfinite(made.label).all()
