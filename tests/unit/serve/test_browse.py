"""What a run answers, without HTTP: who gets what, by what, and that it is what the model says."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from plait.data.prepare import prepare
from plait.errors import DataError, RecipeError
from plait.export.shape import shape_of
from plait.recipe import load_recipe
from plait.serve.browse import Browse
from plait.serve.wire import Asked
from support.films import AWKWARD, trained, write_people
from support.knowledge import write_knowledge


class TestShape:
    def test_users_items_and_history_are_found(self, films: Browse) -> None:
        shape = films.shape
        assert (shape.users, shape.items, shape.history) == ("users", "films", "users.recent")
        pairing = shape.pairings[0]
        assert (pairing.table, pairing.user_key, pairing.item_key) == ("ratings", "user_id", "film_id")
        assert (pairing.retrieval, pairing.tasks, pairing.ranks) == ("next", ["like", "stars"], "like")

    def test_rows_without_users_have_neither(self, people: Browse) -> None:
        assert people.shape.users is None
        assert people.shape.items is None
        assert people.shape.tables == ["people"]

    def test_what_the_keys_are_called_does_not_matter(self, films: Browse) -> None:
        layout = films.run.layout
        turned = layout.tables["ratings"].model_copy(
            update={"keys": dict(reversed(layout.tables["ratings"].keys.items()))}
            | {"targets": dict(reversed(layout.tables["ratings"].targets.items()))}
        )
        shape = shape_of(layout.model_copy(update={"tables": {**layout.tables, "ratings": turned}}))
        assert (shape.users, shape.items) == ("users", "films")


class TestUsers:
    def test_a_user_is_a_card_and_what_else_they_meet(self, films: Browse) -> None:
        page = films.user("40")
        assert page is not None
        assert page.user.id == "40"
        assert page.shelves == [], "here users meet nothing but films"

    def test_an_unknown_user_is_none(self, films: Browse) -> None:
        assert films.user("nobody") is None
        assert films.user("") is None

    def test_cards_are_found_by_id(self, films: Browse) -> None:
        found = films.cards("films", ["f/2 é", "nothing", "f/0 é"])
        assert list(found) == ["f/2 é", "f/0 é"]
        assert films.cards("nothing", ["a"]) == {}


class TestItems:
    def test_similar_ones_are_nearest_and_not_itself(self, films: Browse) -> None:
        found = films.similar("films", "f/3 é", 10)
        assert found is not None
        assert found.by == "next"
        assert "f/3 é" not in [card.id for card in found.items]
        scores = [card.score or 0 for card in found.items]
        assert scores == sorted(scores, reverse=True)
        assert all(-1.0001 <= score <= 1.0001 for score in scores)

    def test_tasks_on_items_are_predicted_beside_the_truth(self, films: Browse) -> None:
        page = films.item("films", "f/0 é", 5)
        assert page is not None
        prediction = page.item.predictions[0]
        assert prediction.task == "genre"
        assert prediction.truth == "crime, drama"

    def test_rows_without_a_search_task_are_compared_by_features(self, people: Browse) -> None:
        page = people.item("people", "4", 300)
        assert page is not None
        assert page.similar.by == "features"
        assert len(page.similar.items) == 299

    def test_titles_are_kept_as_they_are(self, films: Browse) -> None:
        listing = films.listing("films")
        assert listing is not None
        assert [card.title for card in listing.cards[:6]] == AWKWARD


class TestSearch:
    @pytest.mark.parametrize(
        ("query", "first"), [("f/7 é", "Film 7"), ("侍", "七人の侍"), ("SCRIPT", AWKWARD[0]), ("  film 9 ", "Film 9")]
    )
    def test_by_id_or_words(self, films: Browse, query: str, first: str) -> None:
        found = films.listing("films", query)
        assert found is not None
        assert found.cards[0].title == first

    @pytest.mark.parametrize("query", ["%", "\\", ")(", "[a-", "no such thing", "\x00"])
    def test_signs_mean_nothing(self, films: Browse, query: str) -> None:
        found = films.listing("films", query)
        assert found is not None
        assert found.found == 0

    def test_a_page_beyond_the_last_is_the_last(self, films: Browse) -> None:
        found = films.listing("films", page=99)
        assert found is not None
        assert (found.page, found.pages, len(found.cards)) == (2, 2, 6)

    def test_an_unknown_table_is_none(self, films: Browse) -> None:
        assert films.listing("nothing") is None


class TestRows:
    def test_only_rows_of_the_part(self, people: Browse) -> None:
        sizes = {}
        for part in ("train", "valid", "test", "all"):
            found = people.table_rows("people", part)
            assert found is not None
            sizes[part] = found.found
        assert sizes["all"] == 300
        assert sizes["train"] + sizes["valid"] + sizes["test"] == 300
        assert 40 <= sizes["test"] <= 80

    def test_predictions_stand_beside_labels(self, people: Browse) -> None:
        found = people.table_rows("people", "test")
        assert found is not None
        assert found.tasks == ["rich", "degree"]
        for card in found.rows:
            rich, degree = card.predictions
            assert rich.truth in ("yes", "no")
            assert degree.truth in ("none", "school", "college")
            assert sum(chance.probability for chance in degree.chances) == pytest.approx(1, abs=1e-5)

    def test_rows_without_an_id_are_read_back(self, films: Browse) -> None:
        found = films.table_rows("ratings", "all", query="七人の侍")
        assert found is not None
        assert found.found >= 20
        assert found.columns == ["user id", "film id"]
        facts = {fact.name: fact.value for fact in found.rows[0].facts}
        assert facts == {"user id": "User 1", "film id": "七人の侍"}
        assert [p.task for p in found.rows[0].predictions] == ["like", "stars"]
        page = films.item("ratings", "1", 5)
        assert page is not None
        assert (page.similar.among, page.similar.items) == (0, []), "the model reads nothing of a rating itself"

    def test_numbers_come_back_through_their_transform(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        folder = tmp_path_factory.mktemp("nameless")
        recipe = write_people(folder)
        del recipe["tables"]["people"]["id"]
        recipe["features"]["people.pay"] = {"kind": "number", "transform": "log"}
        recipe["features"]["people.age"] = {"kind": "number", "transform": "quantile"}
        table = pq.read_table(folder / "people.parquet")
        pay = [None if row % 7 == 0 else 1.5 * row**2 for row in range(table.num_rows)]
        pq.write_table(table.append_column("pay", pa.array(pay)), folder / "people.parquet")
        service = Browse(trained(recipe, folder))
        listing = service.listing("people")
        assert listing is not None
        for row, card in enumerate(listing.cards):
            facts = {fact.name: fact.value for fact in card.facts}
            assert card.title == f"Person {row + 1}"
            assert float(facts["age"]) == pytest.approx(table["age"][row].as_py(), rel=2e-3)
            assert facts["job"] == table["job"][row].as_py()
            assert ("pay" in facts) == (pay[row] is not None)
            assert float(facts.get("pay", 0)) == pytest.approx(pay[row] or 0, rel=2e-3)

    def test_labels_are_not_shown_as_facts(self, people: Browse) -> None:
        found = people.table_rows("people", "all")
        assert found is not None
        assert found.columns == ["age", "job"]

    def test_they_are_the_predictions_of_the_run(self, people: Browse) -> None:
        found = people.table_rows("people", "all", query="17")
        assert found is not None
        row = int(found.rows[0].id)
        output = people.run.scorer.outputs("people", torch.tensor([row]), ["rich"])["rich"]
        assert found.rows[0].predictions[0].value == pytest.approx(float(output[0, 0]), abs=1e-6)


class TestPredict:
    def test_rows_are_scored(self, people: Browse) -> None:
        scored = people.predict(Asked(rows=[{"age": 30, "job": "cook"}, {"age": None, "job": "never seen"}]))
        assert scored.table == "people"
        assert len(scored.rows) == 2
        assert 0 < float(str(scored.rows[0]["rich"])) < 1

    @pytest.mark.parametrize(
        ("rows", "words"),
        [
            ([{"age": 10**30, "job": "cook"}], "of one kind that a table can hold"),
            ([{"age": 1, "job": "\ud800"}], "of one kind that a table can hold"),
            ([{"age": "old", "job": "cook"}, {"age": 3, "job": "cook"}], "of one kind that a table can hold"),
            ([{"weight": 3}], "should hold the columns"),
        ],
    )
    def test_rows_that_cannot_be_are_refused(self, people: Browse, rows: list[dict[str, object]], words: str) -> None:
        with pytest.raises((DataError, RecipeError), match=words):
            people.predict(Asked(rows=rows))  # type: ignore[arg-type]


def test_facts_are_no_way_from_users_to_items(tmp_path: Path) -> None:
    values = write_knowledge(tmp_path)
    values["tasks"] = {"link": values["tasks"].pop("link"), **values["tasks"]}
    shape = shape_of(prepare(load_recipe(values).schema_, tmp_path, tmp_path / "cache").layout)
    assert (shape.users, shape.items, shape.pairings[0].table) == ("users", "films", "ratings")
