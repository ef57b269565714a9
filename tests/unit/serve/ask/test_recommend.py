from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from plait.errors import RecipeError
from plait.serve.ask.questions import FeedbackAsked, RankAsked, RecommendAsked
from plait.serve.service import Service


def ids(answer: object) -> list[str]:
    return [placed.item for placed in answer.items]  # type: ignore[attr-defined]


def asked(user: str = "5", **more: object) -> RecommendAsked:
    return RecommendAsked.model_validate({"user": user, **more})


def test_the_best_are_those_of_the_formula_over_all_items_not_seen(service: Service) -> None:
    answer = service.recommend(asked(count=4, seen=False, formula="like + 0*stars"))
    seen = {service._shop.offer.items.ids[row] for row in service._shop.seen.items(5).tolist()}
    others = [name for name in service._shop.offer.items.ids[1:] if name not in seen]
    whole = service.rank(RankAsked(user="5", items=others, formula="like + 0*stars"))
    assert ids(answer) == ids(whole)[:4]
    assert [p.score for p in answer.items] == pytest.approx([p.score for p in whole.items[:4]])
    assert answer.degraded == [] and answer.known and answer.model == service.version
    assert set(answer.items[0].tasks) == {"like", "stars"}
    assert answer.items[0].score == pytest.approx(answer.items[0].tasks["like"])
    assert {"retrieve", "rank", "order", "total"} <= set(answer.took)


def test_the_default_formula(service: Service) -> None:
    assert service.formula == "exp(next) * like"
    answer = service.recommend(asked())
    assert answer.by == "exp(next) * like"
    scores = [p.score for p in answer.items]
    assert scores == sorted(scores, reverse=True)


def test_another_formula_is_checked_before_it_is_in_place(service: Service) -> None:
    with pytest.raises(RecipeError, match=r"Found `lik` in `lik\^2`. Did you mean `like`\?"):
        service.use("lik^2")
    assert service.formula == "exp(next) * like"
    assert service.use("like^2 * log(stars)") == "exp(next) * like"
    assert service.recommend(asked()).by == "like^2 * log(stars)"


def test_a_formula_names_a_task(service: Service) -> None:
    with pytest.raises(RecipeError, match=r"all items are worth the same. Found `7`."):
        service.recommend(asked(formula="7"))


def test_an_answer_is_read_back_as_it_was_written(service: Service) -> None:
    for answer in (service.recommend(asked()), service.rank(RankAsked(user="5", items=["f/1 é", "none"]))):
        assert type(answer).model_validate_json(answer.model_dump_json()) == answer


def test_answers_at_the_same_time_are_those_of_one_after_the_other(service: Service) -> None:
    users = [str(user) for user in range(1, 40)]
    alone = [[(p.item, p.score) for p in service.recommend(asked(user, count=30)).items] for user in users]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda user: service.recommend(asked(user, count=30)), users * 3))
    for place, answer in enumerate(together):
        assert answer.degraded == []
        assert [(p.item, p.score) for p in answer.items] == alone[place % len(users)]


def test_what_was_seen_is_left_out_unless_asked_for(service: Service) -> None:
    seen = {service._shop.offer.items.ids[row] for row in service._shop.seen.items(5).tolist()}
    again = service._shop.seen.again
    assert not seen & set(ids(service.recommend(asked(count=30, seen=False))))
    assert seen <= set(ids(service.recommend(asked(count=30, seen=True))))
    assert (seen <= set(ids(service.recommend(asked(count=30))))) is again


def test_who_has_seen_all_gets_nothing(service: Service) -> None:
    answer = service.recommend(asked("1", seen=False))
    assert answer.items == [] and answer.degraded == []


def test_filters(service: Service) -> None:
    answer = service.recommend(asked(count=30, seen=True, filters={"genres": ["comedy", "crime"]}))
    rows = [service._shop.offer.items.row_of[name] for name in ids(answer)]
    assert sorted(rows) == [row for row in range(1, 31) if (row - 1) % 4 in (0, 1)]
    assert service.recommend(asked(filters={"genres": "nothing"})).items == []
    with pytest.raises(RecipeError, match=r"Found `genre`. Did you mean `genres`\?"):
        service.recommend(asked(filters={"genre": "drama"}))


def test_exclude_and_plain(service: Service) -> None:
    first = service.recommend(asked(count=3, seen=True))
    answer = service.recommend(asked(count=3, seen=True, exclude=[ids(first)[0], "nobody"], plain=True))
    assert ids(answer)[:2] == ids(first)[1:]
    assert answer.items[0].title is None and answer.items[0].tasks == {}


def test_at_most_of_one_kind(service: Service) -> None:
    answer = service.recommend(asked(count=30, seen=True, at_most={"genres": 2}))
    column = service._shop.offer.items.column("genres")
    rows = torch.tensor([service._shop.offer.items.row_of[name] for name in ids(answer)])
    codes = column.words_of(rows)[1]
    assert int(torch.bincount(codes).max()) == 2


def test_diversity_makes_the_list_less_alike(service: Service) -> None:
    places = torch.nn.functional.normalize(service._shop.offer.places, dim=1)

    def likeness(diversity: float) -> float:
        answer = service.recommend(asked(count=8, seen=True, diversity=diversity))
        rows = torch.tensor([service._shop.offer.items.row_of[name] for name in ids(answer)])
        return float((places[rows] @ places[rows].T).mean())

    assert likeness(1.0) < likeness(0.5) <= likeness(0.0)
    plain, slight = (
        service.recommend(asked(count=8, seen=True)),
        service.recommend(asked(count=8, seen=True, diversity=1e-6)),
    )
    assert ids(plain) == ids(slight)


def test_somebody_unknown_gets_what_is_popular(service: Service) -> None:
    answer = service.recommend(asked("nobody", count=5, filters={"genres": "drama"}))
    assert not answer.known and answer.by == "popularity" and answer.degraded == []
    offer = service._shop.offer
    rows = [offer.items.row_of[name] for name in ids(answer)]
    counts = offer.popularity[rows].tolist()
    assert counts == sorted(counts, reverse=True)
    assert all((row - 1) % 4 in (0, 3) for row in rows)
    assert set(answer.items[0].tasks) == {"like", "stars"}


def test_feedback_is_known_to_the_next_answer(told: Service) -> None:
    before = told.recommend(asked(count=30, seen=False))
    item = ids(before)[0]
    kept = told.feedback(FeedbackAsked(user="5", item=item, kind="click", key="k1"))
    assert not kept.repeated
    assert told.feedback(FeedbackAsked(user="5", item=item, kind="click", key="k1")).repeated
    after = told.recommend(asked(count=30, seen=False))
    assert set(ids(before)) - set(ids(after)) == {item}
    # The history is longer, so what is said of the others changed.
    scores = {p.item: p.score for p in before.items}
    assert any(p.score != pytest.approx(scores[p.item], rel=1e-6) for p in after.items)


def test_somebody_new_becomes_known_by_feedback(told: Service) -> None:
    told.feedback(FeedbackAsked(user="new", item="f/3 é", kind="like", value=1))
    told.feedback(FeedbackAsked(user="other", item="f/3 é", kind="shown"))
    answer = told.recommend(asked("new", count=30, seen=False))
    assert answer.known and answer.by == "exp(next) * like" and "f/3 é" not in ids(answer)
    assert not told.recommend(asked("other")).known


def test_a_request_is_answered_the_same_alone_and_among_others(service: Service) -> None:
    whole = service.rank(RankAsked(user="7", items=service._shop.offer.items.ids[1:]))
    scores = {p.item: p.score for p in whole.items}
    for name in ids(whole):
        alone = service.rank(RankAsked(user="7", items=[name]))
        assert alone.items[0].score == pytest.approx(scores[name], rel=1e-4)


def test_ids_that_are_no_item_are_named(service: Service) -> None:
    answer = service.recommend(asked(exclude=["a", "f/1 é"], without=["b", "a"], also=["f/2 é", "c"]))
    assert answer.unknown == ["a", "b", "c"]
    assert service.recommend(asked()).unknown == []
