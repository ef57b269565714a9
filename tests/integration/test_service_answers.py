"""The service on real ratings: the page of the docs as it is written, lists that people liked, chances that come true."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

from plait.experiment import EventStore
from plait.export.backend import Asker
from plait.export.bundle import load_bundle
from plait.run.job import train
from plait.run.run import Run
from plait.serve.ask.person import Person
from plait.serve.ask.questions import AdsAsked, Bid, ItemsAsked, ProfileAsked, RankAsked, RecommendAsked, SimilarAsked
from plait.serve.ask.shop import Offer, Shop
from plait.serve.service import Service


@pytest.fixture(scope="module")
def movies(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("movies")
    ratings = pq.read_table(shared_data / "movielens_small" / "ratings.parquet")
    films = pq.read_table(shared_data / "movielens_small" / "movies.parquet")
    pq.write_table(ratings.rename_columns(["user_id", "movie_id", "rating", "timestamp"]), folder / "ratings.parquet")
    pq.write_table(films.rename_columns(["movie_id", "title", "genres"]), folder / "movies.parquet")
    recipe = {
        "name": "movies",
        "tables": {
            "ratings": {
                "source": "ratings.parquet",
                "time": "timestamp",
                "keys": {"movie_id": "movies", "user_id": "users"},
            },
            "movies": {"source": "movies.parquet", "id": "movie_id"},
            "users": {"of": "ratings.user_id"},
        },
        "features": {
            "users.user_id": "id",
            "users.recent": {"kind": "history", "of": "ratings.movie_id", "last": 20},
            "movies.movie_id": "id",
            "movies.title": "ignore",
            "movies.genres": {"kind": "category", "separator": "|"},
        },
        "tasks": {
            "like": {"table": "ratings", "kind": "binary", "label": "rating >= 4"},
            "stars": {"table": "ratings", "kind": "regression", "label": "rating"},
            "next": {"table": "ratings", "kind": "retrieval", "label": "movie_id", "where": "rating >= 4"},
        },
        "split": {"by": "random", "valid": 0.1, "test": 0.1},
        "train": {"epochs": 1, "batch": 1024, "threads": 1, "probes": 0},
    }
    return train(recipe, folder / "runs" / "first", base=folder, alone=False)


@pytest.fixture
def service(movies: Run, tmp_path: Path) -> Service:
    made = Service(load_bundle(movies.folder), EventStore(tmp_path / "events.db"))
    made.warm()
    return made


def test_the_page_runs_as_it_is_written(root: Path, movies: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(movies.folder.parents[1])
    page = (root / "docs" / "howto" / "recommend-and-rank.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 6
    exec(compile("\n".join(blocks), "recommend-and-rank.md", "exec"), {})


def test_lists_hold_what_people_liked_later_more_often_than_the_popular(
    movies: Run, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Films of the test part that were liked, among ten, for users of whom the training part alone is known."""
    shop = service._shop
    table = movies.prepared.tables["ratings"]
    users, items = (table.matrix[:, table.layout.keys[name]].long() for name in ("user_id", "movie_id"))
    test = movies.prepared.rows("like", "test")
    liked = test[table.labels["like"][test, 0] == 1]

    def as_trained(shop: Shop, offer: Offer, user: str, *_: object) -> Person:
        row = shop.users.row(user.removeprefix("stranger ")) or 0
        had = items[(table.part == 1) & (users == row)]
        return Person(user, Asker(row, tuple(had[-20:].tolist())), had, not user.startswith("stranger"))

    monkeypatch.setattr("plait.serve.ask.recommend.found", as_trained)
    who = torch.unique(users[liked])[:150].tolist()
    found = popular = 0
    for row in who:
        wanted = {shop.offer.items.ids[item] for item in items[liked[users[liked] == row]].tolist()}
        name = shop.users.id(row)
        own = service.recommend(RecommendAsked(user=name, seen=False, plain=True))
        assert own.degraded == [] and len(own.items) == 10 and own.by == "exp(next) * like"
        others = service.recommend(RecommendAsked(user=f"stranger {name}", seen=False, plain=True))
        assert others.by == "popularity"
        found += bool(wanted & {placed.item for placed in own.items})
        popular += bool(wanted & {placed.item for placed in others.items})
    print(f"of {len(who)} users, {found} found something they liked among ten; among the ten most popular, {popular}")
    assert found > 0.25 * len(who)


def test_filters_on_real_genres(service: Service) -> None:
    answer = service.recommend(RecommendAsked(user="15", count=50, filters={"genres": ["Horror"]}))
    column = service._shop.offer.items.table["genres"].to_pylist()
    rows = [service._shop.offer.items.row_of[placed.item] for placed in answer.items]
    assert len(rows) == 50 and all("Horror" in column[row - 1] for row in rows)


def test_chances_of_real_likes_come_true(service: Service) -> None:
    said = service.ads(AdsAsked(user="15", bids=[Bid(item="1", bid=1)])).calibrated["like"]
    before, after = map(float, re.findall(r"0\.\d+", said)[:2])
    assert after <= before and after < 0.05


def test_what_is_said_of_an_item_is_the_same_alone(service: Service) -> None:
    items = service._shop.offer.items.ids[1:60]
    whole = {placed.item: placed.tasks for placed in service.rank(RankAsked(user="73", items=items)).items}
    for name in items[::10]:
        alone = service.rank(RankAsked(user="73", items=[name])).items[0].tasks
        for task, value in alone.items():
            assert value == pytest.approx(whole[name][task], rel=1e-4)


def test_interests_of_somebody(service: Service) -> None:
    answer = service.profile(ProfileAsked(user="15"))
    assert answer.events > 500 and answer.interests
    assert all(interest.share.low > interest.everywhere for interest in answer.interests)


def test_a_new_film_is_near_films_of_its_kind(service: Service) -> None:
    service.add_items(ItemsAsked(rows=[{"movie_id": 999_999, "title": "New (2017)", "genres": "Horror|Thriller"}]))
    assert service.rank(RankAsked(user="15", items=["999999"])).items[0].title == "New (2017)"
    near = service.similar(SimilarAsked(item="999999", count=20)).items
    column = service._shop.offer.items.table["genres"].to_pylist()
    genres = [column[service._shop.offer.items.row_of[placed.item] - 1] for placed in near]
    assert sum("Horror" in words or "Thriller" in words for words in genres) > 10


def test_the_documented_new_film_is_taken_as_it_is_written(service: Service, root: Path) -> None:
    """The ids of these films are whole numbers; on the page, and in OpenAPI, they are texts as everywhere else."""
    page = (root / "docs" / "howto" / "serve-the-page.md").read_text(encoding="utf-8")
    written = re.search(r"/v1/items -d '(.*)'", page)
    assert written is not None
    example = ItemsAsked.model_json_schema()["examples"][0]
    assert example == json.loads(written.group(1))
    row = example["rows"][0]
    # Among these films, which are more than those of the page, there is one of that number.
    assert row["movie_id"] == "9001"
    assert service.add_items(ItemsAsked(rows=[{**row, "movie_id": "9990001"}])).items == ["9990001"]
    assert service.rank(RankAsked(user="15", items=["9990001"])).items[0].title == "A new film (1999)"
