"""Why a pair is scored as it is: every part of it left out, against the backend asked anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

if TYPE_CHECKING:
    from plait.export.bundle import Bundle


def test_parts_left_out_are_what_the_backend_says_without_them(films_bundle: Bundle) -> None:
    from plait.export.backend import Asker
    from plait.serve.ask.features import Parts

    parts = Parts(films_bundle, Asker(5), 7)
    assert {part.feature for part in parts.parts} >= {"users.age", "users.town", "films.genres"}
    everything = torch.ones(1, len(parts.parts), dtype=torch.bool)
    whole = films_bundle.backend.rank(Asker(5), torch.tensor([7]))
    for place, task in enumerate(parts.tasks):
        torch.testing.assert_close(parts.score(everything)[0, place], whole[task][0, 0], atol=1e-5, rtol=1e-5)
    history = [number for number, part in enumerate(parts.parts) if part.item]
    assert history
    rows = parts._one.items["users.recent"][0].tolist()
    for number in history:
        present = everything.clone()
        present[0, number] = False
        kept = tuple(row for row in rows if row and row != parts.parts[number].item)
        without = films_bundle.backend.rank(Asker(5, kept), torch.tensor([7]))
        for place, task in enumerate(parts.tasks):
            torch.testing.assert_close(parts.score(present)[0, place], without[task][0, 0], atol=1e-5, rtol=1e-5)


def test_somebody_unknown_has_no_history(films_bundle: Bundle) -> None:
    from plait.export.backend import Asker
    from plait.serve.ask.features import Parts

    assert all(part.item == 0 for part in Parts(films_bundle, Asker(), 1).parts)


def test_the_words_of_the_command(films_bundle: Bundle) -> None:
    from plait.errors import DataError, RecipeError
    from plait.serve.explained import explain_item

    folder = films_bundle.run.folder
    lines, data = explain_item(folder, "5", "f/1 é")
    assert lines[0] == "`七人の侍` for user `5`" and set(data["why"]) == {"like", "stars"}
    assert any("because of `" in line for line in lines)
    only, _ = explain_item(folder, "nobody", "f/1 é", "like")
    assert only[0].endswith("of whom nothing is known") and not any("stars" in line for line in only)
    with pytest.raises(DataError, match="`item` should be the id of one of the 30 rows"):
        explain_item(folder, "5", "none")
    with pytest.raises(RecipeError, match="`task` should be one that gives a pair one number.*Found `lik`"):
        explain_item(folder, "5", "f/1 é", "lik")
