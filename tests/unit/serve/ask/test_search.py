from __future__ import annotations

import math
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from plait.data.text.vectors import TextEncoder
from plait.errors import DataError
from plait.export.bundle import load_bundle
from plait.run.job import train
from plait.run.run import Run
from plait.serve.ask.lexicon import Lexicon, words
from plait.serve.ask.questions import ExplainAsked, FeedbackAsked, ItemsAsked, RankAsked, SearchAsked
from plait.serve.service import Service
from support.encoders import tiny_model
from support.films import write_films


def test_words_of_several_scripts() -> None:
    assert words("The Zoom-lens, 18mm_x") == ["the", "zoom", "lens", "18mm", "x"]
    assert words("七人の侍 film") == ["七", "人", "の", "侍", "七人", "人の", "の侍", "film"]
    assert words("侍") == ["侍"]
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


def test_neighbours_count_where_no_blanks_stand_between_words() -> None:
    texts = ["海上的上午", "上海的早晨", "北京的早晨"]
    scores = Lexicon(texts).scores("上海早晨")
    assert scores.argsort(descending=True).tolist()[0] == 2
    assert scores[1] > 0, "single signs are found as well"
    assert Lexicon(["手机壳", "手表", "机械表"]).scores("手机").argmax() == 1


@pytest.mark.parametrize("seed", range(3))
def test_scores_are_those_of_the_formula_word_by_word(seed: int) -> None:
    """Against BM25 as written in the paper, a document and a word at a time."""
    draw = random.Random(seed)
    alphabet = ["red", "blue", "hat", "shoe", "the", "a", "of", "鞋", "帽"]
    texts = [" ".join(draw.choices(alphabet, k=draw.randint(0, 12))) for _ in range(25)]
    query = " ".join(draw.choices(alphabet, k=3))
    documents = [words(text) for text in texts]
    mean = sum(map(len, documents)) / len(documents)
    for row, document in enumerate(documents, start=1):
        expected = 0.0
        for word in set(words(query)):
            holding = sum(word in other for other in documents)
            rarity = math.log(1 + (len(documents) - holding + 0.5) / (holding + 0.5))
            count = document.count(word)
            expected += rarity * count * 2.2 / (count + 1.2 * (0.25 + 0.75 * len(document) / mean))
        assert float(Lexicon(texts).scores(query)[row]) == pytest.approx(expected, abs=1e-9)


def test_items_are_found_by_title_genre_and_id(service: Service) -> None:
    found = service.search(SearchAsked(query="amelie amélie"))
    assert [placed.title for placed in found.items] == ["Amélie & “friends”"] and found.by == "words"
    assert service.search(SearchAsked(query="侍")).items[0].title == "七人の侍"
    drama = service.search(SearchAsked(query="film drama", count=30, filters={"genres": "crime"}))
    assert drama.items and all(service._shop.offer.items.row_of[p.item] % 4 == 1 for p in drama.items)
    assert service.search(SearchAsked(query="f/3 é", count=3)).items[0].item == "f/3 é"
    assert service.search(SearchAsked(query="zzz")).items == []


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Service:
    """A service whose films have plots that a frozen encoder has read."""
    folder = tmp_path_factory.mktemp("read")
    tiny_model(folder / "tiny")
    recipe = write_films(folder)
    films = pq.read_table(folder / "films.parquet")
    plots = [f"{colour} {number}" for colour in ("red", "green", "blue") for number in _NUMBERS] + [""] * (len(films) - 18)
    pq.write_table(films.append_column("plot", pa.array(plots)), folder / "films.parquet")
    recipe["features"]["films.plot"] = "text"
    recipe["model"]["text"] = {"model": str(folder / "tiny")}
    return Service(load_bundle(train(recipe, folder / "run", base=folder, alone=False).folder))


_NUMBERS = ("one", "two", "three", "four", "five", "six")


def test_meaning_stands_beside_words(read: Service) -> None:
    read.warm()
    answer = read.search(SearchAsked(query="green three", count=30))
    assert answer.by == "words and meaning" and answer.degraded == []
    assert read._shop.offer.items.row_of[answer.items[0].item] == 9
    scores = [placed.score for placed in answer.items if placed.score is not None]
    assert scores == sorted(scores, reverse=True) and scores[0] == pytest.approx(1.05, abs=2e-3)
    # No word of it stands anywhere, and yet texts are compared.
    assert read.search(SearchAsked(query="seven good", count=5)).items
    assert read.search(SearchAsked(query="  ", count=5)).items == []


def test_meaning_is_what_the_encoder_says(read: Service) -> None:
    from plait.serve.ask.meaning import Meaning

    run, items = read._shop.run, read._shop.offer.items
    encoder = run.texts
    assert isinstance(encoder, TextEncoder)
    found = Meaning(run, items, encoder).likeness("blue one")
    texts = [text or "" for text in items.table["plot"].to_pylist()]
    vectors, own = torch.from_numpy(encoder(texts)).float(), torch.from_numpy(encoder(["blue one"])).float()
    filled = [place for place, text in enumerate(texts) if text]
    assert torch.allclose(found[1:][filled].float(), torch.cosine_similarity(vectors, own)[filled], atol=2e-3)
    assert found[0] == 0 and not found[1:][[place for place, text in enumerate(texts) if not text]].any()


def test_a_film_that_came_later_is_found_by_what_it_means(read: Service) -> None:
    read.add_items(ItemsAsked(rows=[{"film_id": "later", "title": "L", "genres": "comedy", "plot": "seven seven good"}]))
    assert read.search(SearchAsked(query="seven seven good", count=3)).items[0].item == "later"


def test_an_encoder_that_fails_is_named_and_words_are_left(read: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(read._finder, "_likeness", broken)
    answer = read.search(SearchAsked(query="red two", count=1))
    assert answer.by == "words" and answer.degraded == ["meaning: RuntimeError"] and len(answer.items) == 1


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


def test_an_index_that_grew_scores_new_items_as_the_formula_has_it() -> None:
    texts = ["red shoe", "red coat", "red hat with a long feather and a band", "blue hat"]
    whole, grown = Lexicon(texts), Lexicon(texts[:2]).grown(texts[2:3]).grown(texts[3:])
    assert (grown.rows, grown.tail) == (4, 2)
    assert torch.equal(grown.scores("red")[:3], Lexicon(texts[:2]).scores("red"))
    for query in ("hat", "feather", "blue"):
        assert (grown.scores(query) > 0).equal(whole.scores(query) > 0)
        assert grown.scores(query).argmax() == whole.scores(query).argmax()
    again = Lexicon(texts[:2]).grown(texts[:1])
    assert float(again.scores("red shoe")[3]) == pytest.approx(float(again.scores("red shoe")[1])), "the same text, the same"
    assert Lexicon([]).grown(["a b"]).scores("a")[1] > 0


def test_new_items_are_found_without_making_the_index_anew(films_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service(load_bundle(films_run.folder))
    service.search(SearchAsked(query="film"))
    monkeypatch.setattr("plait.serve.ask.search.Lexicon", None)
    for number in range(3):
        service.add_items(ItemsAsked(rows=[{"film_id": f"n{number}", "title": f"Zebra {number}", "genres": "drama"}]))
        assert service.search(SearchAsked(query=f"zebra {number}")).items[0].item == f"n{number}"
    assert len(service.search(SearchAsked(query="zebra")).items) == 3
