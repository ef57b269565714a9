"""Phrases to places, places to tokens."""

import random
import re

import numpy as np
import pyarrow as pa
import pytest

from plait.data.text.spans import find_spans, lay_on_tokens
from plait.errors import DataError


def found(texts, marked, kept=None):
    kept = np.ones(len(texts), bool) if kept is None else np.array(kept)
    return find_spans("Label of task `keys`", pa.array(texts, pa.string()), pa.array(marked), kept)


def places(spans):
    return list(zip(spans.row.tolist(), spans.start.tolist(), spans.end.tolist(), strict=True))


def test_all_places_whatever_the_case():
    spans = found(["The Zoom is fine, zoom in; zooming no.", "no such"], [["zoom"], ["ZOOM"]])
    assert places(spans) == [(0, 4, 8), (0, 18, 22)]
    assert (spans.asked, spans.lost, spans.examples) == (2, 1, [(2, "ZOOM")])


def test_the_longer_phrase_wins_and_what_overlaps_goes():
    spans = found(["the battery life of batteries, battery"], [["battery", "battery life", "life of"]])
    assert places(spans) == [(0, 4, 16), (0, 31, 38)]
    assert spans.lost == 0


def test_words_end_where_letters_end():
    spans = found(["x1 x x12, (x)."], [["x", "(x)"]])
    assert places(spans) == [(0, 3, 4), (0, 10, 13)]


def test_chinese_characters_are_words_of_their_own():
    spans = found(["这个手机屏幕很好,屏幕大"], [["屏幕"]])
    assert places(spans) == [(0, 4, 6), (0, 9, 11)]


def test_letters_that_grow_in_lower_case_keep_their_places():
    spans = found(["İstanbul card and CARD"], [["card"]])
    assert places(spans) == [(0, 9, 13), (0, 18, 22)]


def test_neighbouring_texts_do_not_run_into_each_other():
    spans = found(["zoo", "m zoom", "zoom"], [["zoom"], ["zoom"], ["oo", "zoom"]])
    assert places(spans) == [(1, 2, 6), (2, 0, 4)]
    assert spans.lost == 2


def test_null_empty_and_unkept_rows_have_none():
    spans = found(
        ["a b", None, "a", "a", ""], [["a", " ", None], ["a"], None, ["a"], ["a"]], [True, True, True, False, True]
    )
    assert places(spans) == [(0, 0, 1)]
    assert (spans.asked, spans.lost) == (3, 2)


def test_as_regular_expressions_find_them():
    rng = random.Random(5)
    words = ["zoom", "Zoom", "x", "a-b", "a", "b", ".", "battery", "life", "lens's", "é", "2x"]
    texts = ["".join(rng.choice(words) + rng.choice([" ", "", ", "]) for _ in range(rng.randint(0, 12))) for _ in range(400)]
    wanted = [rng.choice(words) for _ in texts]
    spans = found(texts, [[w] for w in wanted])
    expected = []
    for row, (text, phrase) in enumerate(zip(texts, wanted, strict=True)):
        before = r"(?<![^\W_])" if phrase[0].isalnum() else ""
        after = r"(?![^\W_])" if phrase[-1].isalnum() else ""
        hits = re.finditer(f"{before}{re.escape(phrase)}{after}", text, re.IGNORECASE)
        expected += [(row, hit.start(), hit.end()) for hit in hits]
    assert places(spans) == expected


def test_given_places():
    marked = [[{"start": 4, "end": 8}, {"start": 0, "end": 3}], []]
    assert places(found(["the zoom", "no"], marked)) == [(0, 0, 3), (0, 4, 8)]


def test_blanks_before_a_text_do_not_count():
    assert places(found(["  the zoom "], [[{"start": 6, "end": 10}]])) == [(0, 4, 8)]
    assert places(found(["  the zoom "], [["zoom"]])) == [(0, 4, 8)]
    assert places(found(["  a "], [[{"start": 0, "end": 1}, {"start": 1, "end": 3}]])) == [(0, 0, 1)]


def test_a_place_outside_its_text_is_refused():
    with pytest.raises(DataError, match=r"places inside its text.*Found 4 to 9 in row 1, whose text has 8 characters"):
        found(["the zoom"], [[{"start": 4, "end": 9}]])
    with pytest.raises(DataError, match=r"should hold `\{start, end\}` in every list. Found \['begin'\]"):
        found(["the zoom"], [[{"begin": 4}]])


def test_another_type_is_refused():
    with pytest.raises(DataError, match=r"Label of task `keys` should be a list of phrases per row.*Found string"):
        found(["a"], ["a"])


def laid(texts, marked, cut=None):
    """Lay phrases on tokens that are runs of letters, between a first and a last separator."""
    starts, offsets = [0], []
    for text in texts:
        tokens = [match.span() for match in re.finditer(r"\w{1,3}|[^\w\s]", text)][:cut]
        offsets += [(0, 0), *tokens, (0, 0)]
        starts.append(len(offsets))
    spans = found(texts, marked)
    shape = np.array(offsets, np.int32).reshape(-1, 2)
    return lay_on_tokens(spans, np.arange(len(texts)), np.array(starts), shape, len(texts))


def test_tokens_of_a_phrase_are_those_it_shares_characters_with():
    label, lost = laid(["battery life!", "no", "a zoom, zoom"], [["battery life"], [], ["zoom"]])
    assert label.tolist() == [[1, 5, -1, -1], [-1, -1, -1, -1], [2, 3, 5, 6]]
    assert lost == 0


def test_phrases_that_were_cut_off_are_counted():
    label, lost = laid(["a b c d", "d"], [["b", "d"], ["d"]], cut=2)
    assert label.tolist() == [[2, 2], [1, 1]]
    assert lost == 1


def test_half_a_phrase_before_the_cut_keeps_its_half():
    label, lost = laid(["a battery"], [["battery"]], cut=2)
    assert (label.tolist(), lost) == ([[2, 2]], 0)


def test_phrases_that_share_a_token_leave_it_to_the_first():
    spans = found(["a-b"], [["a", "b"]])
    offsets = np.array([[0, 0], [0, 3], [0, 0]], np.int32)
    label, _ = lay_on_tokens(spans, np.array([0]), np.array([0, 3]), offsets, 1)
    assert label.tolist() == [[1, 1]]


def test_no_row_at_all():
    label, lost = lay_on_tokens(
        found([], pa.array([], pa.list_(pa.string()))), np.empty(0, np.int64), np.array([0]), np.empty((0, 2), np.int32), 0
    )
    assert label.shape == (0, 2)
    assert lost == 0
