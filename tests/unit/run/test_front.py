"""Several solutions in one call: a run per preference, which of them are dominated, the page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from plait.errors import RecipeError
from plait.report.content import Figure
from plait.report.front import Front, Solution, front_lines, render_front
from plait.run.front import front
from plait.run.run import load
from support.pages import checked


def solution(number: int, auc: float | None, rmse: float | None) -> Solution:
    figures = {
        "like": Figure(value=auc, low=None if auc is None else auc - 0.01, high=None if auc is None else auc + 0.01),
        "stars": Figure(value=rmse, low=None, high=None),
    }
    return Solution(run=f"point-{number}", preferences={"like": 0.5, "stars": 0.5}, figures=figures)


def made(*figures: tuple[float | None, float | None]) -> Front:
    return Front(
        plait="0",
        recipe="<shop>",
        method="chebyshev",
        tasks=("like", "stars"),
        metrics={"like": "auc", "stars": "rmse"},
        solutions=[solution(place, *both) for place, both in enumerate(figures, 1)],
    ).judged()


def test_dominated_solutions_are_told_by_whom() -> None:
    found = made((0.8, 1.0), (0.7, 0.9), (0.7, 1.1), (None, 0.5))
    assert [s.dominated_by for s in found.solutions] == [[], [], [1, 2], []]
    assert front_lines(found)[3].endswith("dominated by 1, 2")


def test_the_page_is_one_file_without_scripts() -> None:
    page = render_front(made((0.8, 1.0), (0.7, 0.9), (0.7, 1.1)))
    assert checked(page).count("dominated by 1, 2") == 1
    assert page.count('class="point behind"') == 1
    assert "On the front of like and stars: numbers 1, 2 of 3 solutions" in page
    assert "&lt;shop&gt;" in page
    assert "<shop>" not in page
    assert "<script" not in page
    assert "http" not in page.replace("http://www.w3.org", "")


def test_without_a_figure_there_is_no_picture() -> None:
    page = render_front(made((0.8, 1.0), (None, 0.9)))
    assert "No picture: a figure of solution 2 is not known" in page


def test_one_call_gives_the_front(films: Path, tmp_path: Path) -> None:
    out = tmp_path / "front"
    found = front(films / "recipe.yaml", ["like", "stars"], out, points=2)
    written = Front.model_validate_json((out / "front.json").read_text())
    assert written == found
    assert [s.preferences for s in found.solutions] == [{"like": 0.05, "stars": 0.95}, {"like": 0.95, "stars": 0.05}]
    assert found.metrics == {"like": "auc", "stars": "rmse", "next": "ndcg@10", "genre": "pr_auc"}
    for solution in found.solutions:
        run = load(out / solution.run)
        assert run.recipe.balance.kind == "pareto"
        assert run.report.gain is None
        assert solution.figures["stars"].value == run.report.tasks["stars"].joint["rmse"].value
    weights = json.loads((out / "point-1" / "figures.json").read_text())["weights"]["tasks"]
    assert weights["stars"][-1] > weights["like"][-1]
    assert (out / "front.html").read_text().startswith("<!doctype html>")
    before = (out / "point-1" / "manifest.json").stat().st_mtime_ns
    assert front(films / "recipe.yaml", ["like", "stars"], out, points=2, resume=True) == found
    assert (out / "point-1" / "manifest.json").stat().st_mtime_ns == before, "finished runs are kept"
    with pytest.raises(RecipeError, match="should hold the run of this preference. Found another one"):
        front(films / "recipe.yaml", ["stars", "like"], out, points=2, resume=True)


@pytest.mark.parametrize(
    ("tasks", "points", "words"),
    [
        (["like", "star"], 2, r"`tasks` should name tasks of the recipe. Found `star`. Did you mean `stars`\?"),
        (["like"], 2, r"should name two tasks, such as `genre,like`. Found `like`\."),
        (["like", "like"], 2, r"should name two tasks"),
        (["like", "stars"], 0, "`points` should be 1 or more"),
    ],
)
def test_what_cannot_be_is_refused(films: Path, tmp_path: Path, tasks: list[str], points: int, words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        front(films / "recipe.yaml", tasks, tmp_path / "front", points=points)
