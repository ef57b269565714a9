"""Marked phrases: found in texts or given by places, laid on tokens, and written as label slots."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from plait.data.values import flat, texts
from plait.errors import DataError

__all__ = ["Spans", "find_spans", "lay_on_tokens"]

Longs = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
_CANDIDATES: Final = 1 << 23
_EXAMPLES: Final = 3
_FAR: Final = 1 << 31
_CJK: Final = ((0x3040, 0x30FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xAC00, 0xD7AF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF))


@final
@dataclass(frozen=True, slots=True)
class Spans:
    """Phrases as places in their texts, none overlapping another, sorted by row and place.

    Attributes:
        row: which text, from 0.
        start: the first character, blanks before the text not counted.
        end: the character after the last.
        asked: how many phrases were given.
        lost: how many of them are nowhere in their text.
        examples: a few of the lost ones: their row from 1, and the phrase.
    """

    row: Longs
    start: Longs
    end: Longs
    asked: int = 0
    lost: int = 0
    examples: list[tuple[int, str]] = field(default_factory=list)


def find_spans(who: str, words: pa.Array | pa.ChunkedArray, marked: pa.Array | pa.ChunkedArray, kept: Bools) -> Spans:
    """Find the phrases of each text.

    A phrase counts at all its places, whatever its case, where no letter or digit goes on at its sides; characters of
    Chinese, Japanese and Korean are words of their own. Where phrases overlap, the one that begins first stays, of two
    that begin together the longer one.

    Args:
        who: names the label in messages.
        words: the texts.
        marked: per text a list of phrases, or a list of places `{start, end}` in characters, `end` after the last one.
        kept: the rows that are looked at.

    Raises:
        DataError: the label is of another type, or a place lies outside its text.
    """
    lists = flat(marked)
    if pa.types.is_null(lists.type):
        lists = lists.cast(pa.list_(pa.string()))
    if not (pa.types.is_list(lists.type) or pa.types.is_large_list(lists.type)):
        raise DataError(
            f"{who} should be a list of phrases per row, or a list of `{{start, end}}`, since a task of kind tagging marks "
            f"phrases in a text. Found {lists.type}. Write for instance `string_split(column, ', ')`."
        )
    lists = pc.if_else(pa.array(kept), lists, pa.scalar(None, lists.type))
    sizes = pc.list_value_length(lists).fill_null(0).to_numpy(zero_copy_only=False)
    rows: Longs = np.repeat(np.arange(len(lists)), sizes)
    inner = flat(lists.flatten())
    whole = texts(flat(words)).fill_null("")
    letters = _Letters.of(pc.utf8_trim_whitespace(whole))
    if pa.types.is_struct(inner.type):
        return _given(who, inner, rows, whole)
    return _found(texts(inner), rows, letters)


def lay_on_tokens(
    spans: Spans, places: Longs, starts: Longs, offsets: npt.NDArray[np.int32], rows: int
) -> tuple[npt.NDArray[np.float32], int]:
    """Turn phrases into label slots: first and last token of each, counted from the start of its text.

    A token belongs to a phrase when they share a character. Tokens without characters (separators) belong to none.

    Args:
        spans: the phrases.
        places: which of the tokenised texts each row has.
        starts: where the tokens of each text begin, and where those of the last end.
        offsets: first character of each token, and the one after its last.
        rows: how many rows there are.

    Returns:
        float32 [rows, 2 * most phrases of a row], padded with -1; and how many phrases have no token, their text being cut.
    """
    real = np.flatnonzero(offsets[:, 1] > offsets[:, 0])
    text = np.searchsorted(starts, real, side="right") - 1
    wanted = places[spans.row]
    first = np.searchsorted(text * _FAR + offsets[real, 1], wanted * _FAR + spans.start, side="right")
    last = np.searchsorted(text * _FAR + offsets[real, 0], wanted * _FAR + spans.end, side="left") - 1
    there = first <= last
    there[there] = (text[first[there]] == wanted[there]) & (text[last[there]] == wanted[there])
    row, first, last = spans.row[there], first[there], last[there]
    pair = np.stack([real[first], real[last]], axis=1) - starts[places[row]][:, None]
    # Two phrases may share a token where the tokenizer does not cut between them: the first has it.
    apart = np.append(True, (row[1:] != row[:-1]) | (pair[1:, 0] > pair[:-1, 1]))[: len(row)]
    row, pair = row[apart], pair[apart]
    slots = np.arange(len(row)) - np.searchsorted(row, row, side="left")
    label = np.full((rows, max(int(slots.max(initial=0)) + 1, 1), 2), -1, dtype=np.float32)
    label[row, slots] = pair
    return label.reshape(rows, 2 * label.shape[1]), int((~there).sum())


@final
@dataclass(frozen=True, slots=True)
class _Letters:
    """Texts as one array of code points.

    Attributes:
        codes: in lower case, where that is one character too.
        word: whether it is a letter or digit of a word written with spaces around it.
        starts: where each text begins, and where the last ends.
    """

    codes: npt.NDArray[np.uint32]
    word: Bools
    starts: Longs

    @classmethod
    def of(cls, values: pa.Array) -> _Letters:
        """Lay texts end to end."""
        filled = values.fill_null("")
        lengths = pc.utf8_length(filled).to_numpy(zero_copy_only=False)
        whole = "".join(filled.to_pylist()).encode("utf-32-le", "surrogatepass")
        given = np.frombuffer(whole, dtype=np.uint32)
        known, places = np.unique(given, return_inverse=True)
        lower = [chr(code).lower() for code in known]
        codes = np.array([ord(x) if len(x) == 1 else c for x, c in zip(lower, known, strict=True)], dtype=np.uint32)
        word = np.array([chr(code).isalnum() and not _alone(int(code)) for code in known], dtype=np.bool_)
        return cls(codes[places], word[places], np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))

    def edge(self, places: Longs) -> Bools:
        """Say whether a word may begin or end before these places; they lie inside or at the end of a text."""
        size = len(self.word)
        inside = (places > 0) & (places < size)
        result = np.ones(len(places), dtype=np.bool_)
        at = places[inside]
        result[inside] = ~(self.word[at - 1] & self.word[at])
        return result


def _alone(code: int) -> bool:
    """Say whether a character is a word of its own."""
    return any(low <= code <= high for low, high in _CJK)


def _given(who: str, inner: pa.Array, rows: Longs, whole: pa.Array) -> Spans:
    """Read places as they stand, and count them from where the trimmed text begins."""
    names = {inner.type.field(i).name for i in range(inner.type.num_fields)}
    if not {"start", "end"} <= names:
        raise DataError(f"{who} should hold `{{start, end}}` in every list. Found {sorted(names)}.")
    start, end = (np.asarray(pc.struct_field(inner, n).fill_null(-1).cast(pa.int64())) for n in ("start", "end"))
    length, after = (pc.utf8_length(x).to_numpy()[rows] for x in (whole, pc.utf8_ltrim_whitespace(whole)))
    wrong = np.flatnonzero((start < 0) | (end <= start) | (end > length))
    if len(wrong):
        at = int(wrong[0])
        raise DataError(
            f"{who} should hold places inside its text, `start` before `end`, counted in characters from 0. Found "
            f"{int(start[at])} to {int(end[at])} in row {int(rows[at]) + 1}, whose text has {int(length[at])} characters, "
            f"and {len(wrong)} such places in all. Correct them."
        )
    blank = (length - after).astype(np.int64)
    kept = end > blank
    return Spans(*_apart(rows[kept], np.maximum(start - blank, 0)[kept], (end - blank)[kept]), asked=len(rows))


def _found(phrases: pa.Array, rows: Longs, letters: _Letters) -> Spans:
    """Look phrases up in their texts, some of them at a time so that memory stays small."""
    trimmed = pc.utf8_trim_whitespace(phrases.fill_null(""))
    full = pc.not_equal(trimmed, "").to_numpy(zero_copy_only=False)
    trimmed, rows = trimmed.filter(pa.array(full)), rows[full]
    wanted = _Letters.of(trimmed)
    length = np.diff(letters.starts)[rows]
    found: list[tuple[Longs, Longs]] = [(np.empty(0, np.int64), np.empty(0, np.int64))]
    begin = 0
    while begin < len(rows):
        room = np.searchsorted(np.cumsum(length[begin:]), _CANDIDATES, side="right")
        stop = begin + max(int(room), 1)
        found.append(_match(np.arange(begin, min(stop, len(rows))), rows, wanted, letters))
        begin = stop
    pair = np.concatenate([one for one, _ in found])
    place = np.concatenate([other for _, other in found])
    lost = np.flatnonzero(np.bincount(pair, minlength=len(rows)) == 0)
    start = place - letters.starts[rows[pair]]
    spans = _apart(rows[pair], start, start + np.diff(wanted.starts)[pair])
    examples = [(int(rows[at]) + 1, str(trimmed[int(at)].as_py())) for at in lost[:_EXAMPLES]]
    return Spans(*spans, asked=len(rows), lost=len(lost), examples=examples)


def _match(pairs: Longs, rows: Longs, wanted: _Letters, letters: _Letters) -> tuple[Longs, Longs]:
    """Compare phrases with their texts at every place at once, one more character each time round."""
    begins, lengths = wanted.starts[pairs], wanted.starts[pairs + 1] - wanted.starts[pairs]
    from_, to = letters.starts[rows[pairs]], letters.starts[rows[pairs] + 1]
    rooms = np.maximum(to - from_ - lengths + 1, 0)
    which: Longs = np.repeat(np.arange(len(pairs)), rooms)
    place: Longs = from_[which] + np.arange(len(which)) - np.repeat(np.cumsum(rooms) - rooms, rooms)
    alive = letters.codes[place] == wanted.codes[begins[which]]
    which, place = which[alive], place[alive]
    # A text's neighbours in the array are other texts, so its own ends are edges whatever stands there.
    alive = (place == from_[which]) | letters.edge(place)
    which, place = which[alive], place[alive]
    ends = place + lengths[which]
    alive = (ends == to[which]) | letters.edge(ends)
    which, place = which[alive], place[alive]
    for step in range(1, int(lengths.max(initial=0))):
        longer = lengths[which] > step
        same = np.ones(len(which), dtype=np.bool_)
        same[longer] = letters.codes[place[longer] + step] == wanted.codes[begins[which[longer]] + step]
        which, place = which[same], place[same]
        if not len(which):
            break
    return pairs[which], place


def _apart(row: Longs, start: Longs, end: Longs) -> tuple[Longs, Longs, Longs]:
    """Sort places and leave out those that overlap one before."""
    order = np.lexsort((-end, start, row))
    row, start, end = row[order], start[order], end[order]
    while len(row):
        over = np.append(False, (row[1:] == row[:-1]) & (start[1:] < end[:-1]))
        first = over & ~np.append(False, over[:-1])
        if not first.any():
            break
        row, start, end = row[~first], start[~first], end[~first]
    return row, start, end
