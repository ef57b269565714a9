"""Texts kept as tokens: each once, the same key wherever it stands, back from the disk as they were, gathered once."""

from __future__ import annotations

import pyarrow as pa
import pytest
import torch
from tests.unit.data.shop import Characters, shop_schema, write_shop

from plait.data.apply import apply
from plait.data.batches import Block, block, gather
from plait.data.columns import Prepared
from plait.data.prepare import load, prepare
from plait.data.text.words import Tokens, Words, distinct, read_words
from plait.errors import CorruptError, DataError


def _texts(tokens: Tokens) -> list[str]:
    ids = [chr(i) for i in tokens.ids.tolist()]
    return ["".join(ids[s : s + n]) for s, n in zip(tokens.starts.tolist(), tokens.lengths.tolist(), strict=True)]


def _all(words: Words) -> list[str]:
    return [_texts(words.tokens(words.places[row : row + 1].long()))[0] for row in range(len(words.places))]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = tmp_path_factory.mktemp("shop")
    write_shop(folder)
    return prepare(shop_schema(), folder, folder / "cache", Characters())


def test_each_text_once_and_nothing_for_none() -> None:
    reader = Characters()
    words = read_words("t.x", pa.chunked_array([["ab", None, " ab "], ["", "日 本", "x"]]), reader, offsets=True)
    assert reader.asked == ["ab", "日 本", "x"]
    assert _all(words) == ["", "ab", "", "ab", "", "日本", "x"]
    assert words.keys[0] == 0
    assert len(set(words.keys.tolist())) == 4
    assert words.offsets is not None
    assert words.offsets.tolist() == [[0, 1], [1, 2], [0, 1], [2, 3], [0, 1]]


def test_a_text_of_no_tokens_is_no_text() -> None:
    class Nothing(Characters):
        def read(self, texts: list[str], offsets: bool = False):  # type: ignore[no-untyped-def]
            return super().read([t.replace("\x00", "") for t in texts], offsets)

    words = read_words("t.x", pa.array(["\x00", "a"]), Nothing())
    assert words.keys[words.places.long()].tolist()[:2] == [0, 0]
    assert _all(words) == ["", "", "a"]


@pytest.mark.parametrize("column", [pa.array([], pa.string()), pa.array([None, None]), pa.array(["", " "])])
def test_no_texts_at_all(column: pa.Array) -> None:
    words = read_words("t.x", column, Characters())
    assert _all(words) == [""] * (len(column) + 1)


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(DataError, match="`t.x` is read as text and should hold UTF-8 text"):
        read_words("t.x", pa.array([[1]]), Characters())


def test_the_same_text_has_the_same_key_everywhere() -> None:
    one, other = (read_words("t.x", pa.array(c), Characters()) for c in (["ab", "c"], ["d", "c", "ab"]))
    both, places = distinct([one.tokens(torch.tensor([1, 2])), other.tokens(torch.tensor([1, 2, 3, 0]))])
    assert both.keys.tolist() == sorted({*one.keys.tolist(), *other.keys.tolist()})
    found = _texts(both)
    assert [found[i] for i in places[0].tolist()] == ["ab", "c"]
    assert [found[i] for i in places[1].tolist()] == ["d", "c", "ab", ""]


def test_tokens_come_back_from_the_disk(shop: Prepared) -> None:
    made, read = (p.tables["items"].words["items.title"] for p in (shop, load(shop.folder)))
    pairs = [(made.ids, read.ids), (made.starts, read.starts), (made.keys, read.keys), (made.places, read.places)]
    for one, other in pairs:
        assert one.dtype == other.dtype
        assert torch.equal(one, other)
    feature = next(f for f in shop.layout.tables["items"].features if f.name == "items.title")
    assert (feature.tokens, feature.dim) == (True, 4)
    assert "items.title" not in shop.tables["items"].vectors


def test_an_altered_token_is_found(shop: Prepared) -> None:
    file = shop.folder / "words" / "items.title" / "ids.int32"
    before = file.read_bytes()
    file.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    with pytest.raises(CorruptError, match="was altered"):
        load(shop.folder)
    file.write_bytes(before)


def test_a_file_cut_short_is_found(shop: Prepared) -> None:
    from plait.data.text.store import load_words

    file = shop.folder / "words" / "items.title" / "ids.int32"
    before = file.read_bytes()
    file.write_bytes(before[:-4])
    with pytest.raises(CorruptError, match=f"should have {len(before)} bytes. Found {len(before) - 4}"):
        load_words("items.title", torch.zeros(1, dtype=torch.int32), shop.folder)
    file.write_bytes(before)


def _said(part: Block) -> list[str]:
    assert part.texts is not None
    found = _texts(part.texts)
    return [found[i] for i in part.words["items.title"].tolist()]


@pytest.mark.parametrize("rows", [[], [0], [3], [5, 2, 5, 0, 7, 2]])
def test_a_block_holds_each_text_once(shop: Prepared, rows: list[int]) -> None:
    columns = shop.tables["items"]
    part = block(shop, "items", torch.tensor(rows, dtype=torch.int64)).to(torch.device("cpu"))
    written = _all(columns.words["items.title"])
    assert _said(part) == [written[row] for row in rows]
    assert part.texts is not None
    assert len(set(part.texts.keys.tolist())) == len(part.texts.keys)


def test_a_batch_reaches_texts_along_keys_and_histories(shop: Prepared) -> None:
    batch = gather(shop, "visits", torch.arange(1, 9))
    written = _all(shop.tables["items"].words["items.title"])
    assert _said(batch.roles["items"]) == [written[row] for row in batch.roles["items"].rows.tolist()]
    past = batch.pasts["users.recent"].block
    assert _said(past) == [written[row] for row in past.rows.tolist()]
    assert batch.roles["visits"].texts is None


def test_rows_from_outside_have_the_same_keys(shop: Prepared) -> None:
    given = {
        "item": ["i3", "new"],
        "title": ["abc", "zz"],
        "tags": [None, "red"],
        "price": [1.0, 2.0],
        "vector": [[1.0] * 3] * 2,
    }
    found = apply(shop, "items", pa.table(given), Characters())
    assert _all(found.words["items.title"]) == ["", "abc", "zz"]
    inside = shop.tables["items"].words["items.title"]
    assert found.words["items.title"].keys[1] == inside.keys[inside.places[4].long()]
