"""Which roles and features each task sees."""

from __future__ import annotations

from typing import Any

import pytest

from plait.data.seats import Seats, arrange
from plait.errors import RecipeError
from plait.schema import History, Schema, Split, Table, Task


def _schema(tasks: dict[str, dict[str, Any]], **more: Any) -> Schema:
    tables = {
        "ratings": Table(source="r", time="at", keys={"user": "users", "movie": "movies"}),
        "movies": Table(source="m", id="movie", keys={"maker": "makers"}),
        "users": Table(source="u", id="user"),
        "makers": Table(source="k", id="maker"),
        "pairs": Table(source="p", keys={"left": "movies", "right": "movies"}),
    }
    features: dict[str, Any] = {
        "ratings.at": "time",
        "ratings.stars": "number",
        "ratings.movie": "id",
        "users.age": "number",
        "users.recent": History(of="ratings.movie"),
        "movies.genre": "category",
        "movies.year": "number",
        "makers.town": "category",
    }
    return Schema(
        tables=tables | more.pop("tables", {}),
        features=features | more.pop("features", {}),
        tasks={n: Task(**t) for n, t in tasks.items()},
        split=Split(),
        seed=1,
    )


def _arrange(tasks: dict[str, dict[str, Any]], labels: dict[str, list[str]], **more: Any) -> Seats:
    return arrange(_schema(tasks, **more), labels)


STARS = {"table": "ratings", "kind": "regression", "label": "stars"}
NEXT = {"table": "ratings", "kind": "retrieval", "label": "movie"}
GENRE = {"table": "movies", "kind": "multiclass", "label": "genre"}
PAIR = {"table": "pairs", "kind": "relatedness", "label": "same"}


def test_roles_are_reached_breadth_first_and_a_label_is_no_input() -> None:
    seats = _arrange({"stars": STARS}, {"stars": ["stars"]})
    assert [r.name for r in seats.roles] == ["ratings", "users", "users.recent", "movies", "makers"]
    assert seats.paths["ratings"]["makers"] == ["movie", "maker"]
    assert seats.paths["ratings"]["users.recent"] == ["user"]
    assert next(r for r in seats.roles if r.name == "users.recent").table == "movies"
    assert "ratings.stars" not in seats.features, "no task sees it"
    assert seats.groups[0].hidden == []


def test_a_retrieval_label_hides_its_seat_and_all_behind_it_from_that_task_alone() -> None:
    seats = _arrange({"stars": STARS, "next": NEXT}, {"stars": ["stars"], "next": ["movie"]})
    both = {g.tasks[0]: g for g in seats.groups}
    assert "movies" in both["stars"].roles
    assert "ratings/ratings.movie" not in both["stars"].hidden
    assert both["next"].roles == ["ratings", "users", "users.recent"]
    assert both["next"].hidden == ["ratings/ratings.movie"]
    assert seats.target == {"next": "movies"}


def test_tasks_with_the_same_inputs_share_a_pass() -> None:
    seats = _arrange({"a": STARS, "b": {**STARS, "label": "stars > 3", "kind": "binary"}}, {"a": ["stars"], "b": ["stars"]})
    assert [g.tasks for g in seats.groups] == [["a", "b"]]


def test_a_label_of_one_table_stays_an_input_elsewhere() -> None:
    seats = _arrange({"stars": STARS, "genre": GENRE}, {"stars": ["stars"], "genre": ["genre"]})
    stars, genre = seats.groups
    assert stars.hidden == []
    assert genre.hidden == ["movies/movies.genre"]
    assert genre.roles == ["movies", "makers"]


def test_inputs_choose_and_open() -> None:
    seats = _arrange({"stars": {**STARS, "inputs": ["users", "ratings.stars", "movies.year"]}}, {"stars": ["stars"]})
    group = seats.groups[0]
    assert group.roles == ["ratings", "users", "users.recent", "movies"]
    assert group.hidden == ["movies/movies.genre"], "kept for the items of the history"
    assert seats.features == ["ratings.stars", "users.age", "users.recent", "movies.genre", "movies.year"]
    seats = _arrange({"stars": {**STARS, "inputs": ["users.age"]}}, {"stars": ["stars"]})
    assert seats.features == ["users.age"]
    assert [r.name for r in seats.roles] == ["users"]
    with pytest.raises(RecipeError, match="`inputs` should name features .* Found `users.agee`. Did you mean `users.age`"):
        _arrange({"stars": {**STARS, "inputs": ["users.agee"]}}, {"stars": ["stars"]})


def test_two_keys_to_one_table_are_two_seats() -> None:
    seats = _arrange({"pair": PAIR, "stars": STARS}, {"pair": ["same"], "stars": ["stars"]})
    assert [r.name for r in seats.roles][:4] == ["movies", "movies:right", "makers", "makers:right.maker"]
    assert (seats.query, seats.target) == ({"pair": "movies"}, {"pair": "movies:right"})
    assert seats.groups[0].roles == ["movies", "makers"]
    assert seats.paths["pairs"]["makers:right.maker"] == ["right", "maker"]


def test_candidates_keep_their_features_even_where_no_task_sees_them() -> None:
    seats = _arrange({"next": {**NEXT, "inputs": ["users.age"]}}, {"next": ["movie"]})
    assert seats.features == ["users.age", "movies.genre", "movies.year"]
    assert [r.name for r in seats.roles] == ["users", "movies"]
    assert seats.groups[0].roles == ["users"]


def test_a_table_that_points_at_itself_ends() -> None:
    tables = {"users": Table(source="u", id="user", keys={"friend": "users"})}
    seats = _arrange({"stars": STARS}, {"stars": ["stars"]}, tables=tables)
    assert "users:user.friend" in [r.name for r in seats.roles]
    assert len(seats.roles) == 6


@pytest.mark.parametrize(
    ("tasks", "more", "said"),
    [
        ({"n": {**NEXT, "label": "movi"}}, {}, "retrieval task should be a key column of table `ratings`.*`movie`"),
        ({"s": {**STARS, "table": "rating"}}, {}, "Task `s`: there is no table `rating`. Did you mean `ratings`"),
        ({"s": STARS}, {"features": {"movie.x": "number"}}, "Feature `movie.x` .*no table `movie`. Did you mean `movies`"),
        ({"s": STARS}, {"tables": {"movies": Table(source="m")}}, "points at table `movies`, which should have an `id`"),
        (
            {"s": STARS},
            {"tables": {"movies": Table(source="m", id="i", keys={"z": "zoo"})}},
            "points at table `zoo`, which does",
        ),
        ({"s": STARS}, {"features": {"users.h": History(of="ratings.film")}}, "should name a key of table `ratings`"),
        ({"s": STARS}, {"features": {"users.h": History(of="pairs.left")}}, "`pairs` should have a key to `users`"),
        ({"s": STARS}, {"features": {"movies.h": History(of="pairs.left")}}, "should have a `time`"),
        ({"s": STARS}, {"features": {"users.h": History(of="rating.movie")}}, "there is no table `rating`"),
    ],
)
def test_what_cannot_be(tasks: dict[str, dict[str, Any]], more: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        _arrange(tasks, {n: [t["label"]] for n, t in tasks.items()}, **more)


def test_a_task_that_sees_nothing() -> None:
    schema = Schema(
        tables={"t": Table(source="t")},
        features={"t.y": "number"},  # type: ignore[dict-item]
        tasks={"y": Task(table="t", kind="binary", label="y > 1")},
        split=Split(),
        seed=1,
    )
    with pytest.raises(RecipeError, match="Task `y` on table `t` should see at least one feature"):
        arrange(schema, {"y": ["y"]})


def test_a_task_does_not_see_its_label_through_what_it_is_given() -> None:
    like = {"table": "ratings", "kind": "binary", "label": "at > 3", "inputs": ["users", "ratings.stars"]}
    love = {"table": "ratings", "kind": "binary", "label": "stars > 4", "given": "like"}
    more = {"table": "ratings", "kind": "binary", "label": "stars > 5", "given": "love"}
    said = "Task `love` is given `like` and should not see its own label through it. Found `ratings.stars` in `inputs` of"
    labels = {"like": ["at"], "love": ["stars"]}
    with pytest.raises(RecipeError, match=said):
        _arrange({"like": like, "love": love}, labels)
    with pytest.raises(RecipeError, match="Task `more` is given `like`"):
        _arrange({"like": like, "love": love, "more": more}, {"like": ["at"], "love": [], "more": ["stars"]})
    _arrange({"like": like, "love": {**love, "inputs": ["ratings.stars"]}}, labels)
