from __future__ import annotations

import pytest
import torch

from plait.errors import DataError
from plait.serve.ask.lexicon import Lexicon, words
from plait.serve.ask.questions import ExplainAsked, FeedbackAsked, RankAsked, SearchAsked
from plait.serve.service import Service


def test_words_of_several_scripts() -> None:
    assert words("The Zoom-lens, 18mm_x") == ["the", "zoom", "lens", "18mm", "x"]
    assert words("七人の侍 film") == ["七", "人", "の", "侍", "film"]
    assert words("Łódź à côté") == ["łódź", "à", "côté"]


def test_rare_words_and_short_texts_count_more() -> None:
    lexicon = Lexicon(["red shoe", "red coat", "red hat with a long feather and a band", "blue hat"])
    scores = lexicon.scores("red hat")
    assert scores.argmax() in (3, 4) and scores[0] == 0
    assert lexicon.scores("hat")[4] > lexicon.scores("hat")[3] > 0
    assert lexicon.scores("feather")[3] > lexicon.scores("red")[3]
    assert torch.equal(lexicon.scores("nothing"), torch.zeros(5, dtype=torch.float64))
    assert torch.equal(lexicon.scores("red red"), lexicon.scores("red"))
    assert Lexicon([]).scores("a").tolist() == [0]


def test_items_are_found_by_title_genre_and_id(service: Service) -> None:
    found = service.search(SearchAsked(query="amelie amélie"))
    assert [placed.title for placed in found.items] == ["Amélie & “friends”"] and found.by == "words"
    assert service.search(SearchAsked(query="侍")).items[0].title == "七人の侍"
    drama = service.search(SearchAsked(query="film drama", count=30, filters={"genres": "crime"}))
    assert drama.items and all(service._shop.offer.items.row_of[p.item] % 4 == 1 for p in drama.items)
    assert service.search(SearchAsked(query="f/3 é", count=3)).items[0].item == "f/3 é"
    assert service.search(SearchAsked(query="zzz")).items == []


def test_why_somebody_is_shown_something(told: Service) -> None:
    told.feedback(FeedbackAsked(user="new", item="f/3 é"))
    told.feedback(FeedbackAsked(user="new", item="f/4 é"))
    answer = told.explain(ExplainAsked(user="new", item="f/7 é"))
    assert answer.known and not answer.seen and answer.degraded == []
    assert {because.item for because in answer.because} == {"f/3 é", "f/4 é"}
    assert [because.likeness for because in answer.because] == sorted([b.likeness for b in answer.because], reverse=True)
    # Without one of two, the model is asked with the other alone.
    once = told.rank(RankAsked(user="new", items=["f/7 é"])).items[0].tasks
    assert once == pytest.approx(answer.tasks)
    assert all(set(because.without) == {"like", "stars"} for because in answer.because)
    assert any(because.without["like"] != pytest.approx(answer.tasks["like"], rel=1e-6) for because in answer.because)
    stages = [moved.stage for moved in answer.moved]
    assert stages == ["retrieve", "like", "stars", "exp(next) * like"]
    assert all(1 <= moved.place <= moved.among for moved in answer.moved)
    assert told.explain(ExplainAsked(user="new", item="f/3 é")).seen
    assert told.explain(ExplainAsked(user="nobody", item="f/3 é")).because == []
    with pytest.raises(DataError, match="Found `none`"):
        told.explain(ExplainAsked(user="new", item="none"))
