"""First and last tokens become phrases: places in the text as it came, and as the tokenizer writes them."""

from __future__ import annotations

import pyarrow as pa
import pytest
import torch

from plait.data.text.words import Words
from plait.run.phrases import cut_out, phrase_columns, spelled

# Two texts: `zoom in` as [1] zoom in [2], and `a lens` as [1] a len ##s [2].
WORDS = Words(
    ids=torch.tensor([1, 10, 11, 2, 1, 12, 13, 14, 2], dtype=torch.int32),
    starts=torch.tensor([0, 0, 4, 9]),
    keys=torch.tensor([0, 5, 6]),
    places=torch.tensor([0, 2, 1, 0, 2], dtype=torch.int32),
    offsets=torch.tensor([[0, 0], [0, 4], [5, 7], [0, 0], [0, 0], [0, 1], [2, 5], [5, 6], [0, 0]], dtype=torch.int32),
)
FOUND = torch.tensor([[2, 3, 0.75, -1, -1, -1], [1, 1, 0.5, 2, 2, 0.25], [-1] * 6, [1, 3, 0.125, -1, -1, -1]])


def test_places_are_characters_of_the_trimmed_text() -> None:
    cut = cut_out(FOUND, WORDS, torch.tensor([1, 2, 3, 4]))
    assert cut.row.tolist() == [0, 1, 1, 3]
    assert cut.start.tolist() == [2, 0, 5, 0]
    assert cut.end.tolist() == [6, 4, 7, 6]
    assert cut.chance.tolist() == [0.75, 0.5, 0.25, 0.125]


def test_columns_are_lists_in_the_text_as_it_came() -> None:
    cut = cut_out(FOUND, WORDS, torch.tensor([1, 2, 3, 4]))
    found = pa.table(phrase_columns("keys", cut, pa.array(["  a Lens", "ZOOM in", None, "a lens "])))
    assert found["keys"].to_pylist() == [["Lens"], ["ZOOM", "in"], [], ["a lens"]]
    assert found["keys.start"].to_pylist() == [[4], [0, 5], [], [0]]
    assert found["keys.end"].to_pylist() == [[8], [4, 7], [], [6]]
    assert found["keys.chance"].to_pylist() == [[0.75], [0.5, 0.25], [], [0.125]]


@pytest.mark.parametrize("width", [0, 3])
def test_nothing_found_and_no_rows(width: int) -> None:
    for rows in (0, 2):
        none = torch.full((rows, width), -1.0)
        cut = cut_out(none, WORDS, torch.arange(1, rows + 1))
        found = pa.table(phrase_columns("keys", cut, pa.array(["a"] * rows, pa.string())))
        assert found["keys"].to_pylist() == [[]] * rows


class Names:
    def spell(self, tokens: list[int]) -> str:
        return " ".join(map(str, tokens))


def test_without_the_text_the_tokenizer_spells() -> None:
    pairs = torch.tensor([[2.0, 3.0], [-1.0, -1.0]])
    assert spelled(pairs, WORDS, 1, Names()) == ["13 14"]  # type: ignore[arg-type]
    assert spelled(torch.full((2, 2), float("nan")), WORDS, 1, Names()) == []  # type: ignore[arg-type]
