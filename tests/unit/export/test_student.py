"""Smaller models taught by a run: what is taken out, what is learned, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from plait.errors import RecipeError, RunError

if TYPE_CHECKING:
    from plait.run.run import Run


@pytest.fixture(scope="session")
def experts_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    from support.films import trained, write_films

    folder = tmp_path_factory.mktemp("experts")
    recipe = write_films(folder)
    recipe["model"]["sharing"] = {"kind": "mmoe", "experts": 4, "expert": [12, 8]}
    return trained(recipe, folder)


def _body(run: Run, sharing: dict[str, Any]) -> Run:
    """Give a run another body; nothing is trained."""
    from plait.recipe import Recipe
    from plait.run.build import build_model
    from plait.run.run import Run

    settings = run.recipe.model_dump(mode="json")
    settings["model"]["sharing"] = sharing
    other = Run(run.folder)
    other.recipe = Recipe.model_validate(settings)
    other.model = build_model(other.recipe, run.layout).eval()  # type: ignore[misc]
    return other


def test_dead_experts_and_units_are_what_goes(films_run: Run) -> None:
    from plait.data.batches import gather
    from plait.export.prune import pruned
    from plait.run.build import build_model

    run = _body(films_run, {"kind": "mmoe", "experts": 4, "expert": [12, 8]})
    body: Any = run.model.sharing
    with torch.no_grad():
        for gate in body.gate:
            gate.linear.bias[[1, 3]] = -30.0
        for expert in body.experts:
            expert[2].weight[:, ::2] = 0.0
    recipe, weights = pruned(run, 0.5)
    assert (recipe.model.sharing.experts, recipe.model.sharing.expert) == (2, [6, 8])  # type: ignore[union-attr]
    small = build_model(recipe, run.layout)
    small.load_state_dict(weights)
    batch = gather(run.prepared, "ratings", torch.arange(1, 50))
    with torch.no_grad():
        one, other = run.model.outputs(batch), small.eval().outputs(batch)
    for name, said in one.items():
        torch.testing.assert_close(other[name], said, atol=1e-5, rtol=1e-5)


def test_units_of_a_shared_bottom(films_run: Run) -> None:
    from plait.export.prune import pruned
    from plait.run.build import build_model

    run = _body(films_run, {"kind": "shared_bottom", "layers": [12, 10, 8]})
    recipe, weights = pruned(run, 0.25)
    assert recipe.model.sharing.layers == [9, 8, 8]  # type: ignore[union-attr]
    build_model(recipe, run.layout).load_state_dict(weights)


@pytest.mark.parametrize("levels", [1, 2])
def test_dead_experts_of_every_level(films_run: Run, levels: int) -> None:
    from plait.data.batches import gather
    from plait.export.prune import pruned
    from plait.run.build import build_model

    body = {"kind": "ple", "levels": levels, "shared_experts": 4, "task_experts": 2, "expert": [12, 8]}
    run = _body(films_run, body)
    sharing: Any = run.model.sharing
    tasks = len(run.model.names)
    with torch.no_grad():
        for level in sharing.levels:
            # Of each task another of its own experts is dead, and of the shared ones the first and the third.
            for number, gate in enumerate(level.task_gates):
                gate.linear.bias[[number % 2, 2, 4]] = -30.0
            if level.shared_gate is not None:
                dead = [2 * number + number % 2 for number in range(tasks)]
                level.shared_gate.linear.bias[[*dead, 2 * tasks, 2 * tasks + 2]] = -30.0
            for expert in [*level.shared_experts, *(one for own in level.task_experts for one in own)]:
                expert[2].weight[:, ::2] = 0.0
    recipe, weights = pruned(run, 0.5)
    smaller: Any = recipe.model.sharing
    assert (smaller.shared_experts, smaller.task_experts, smaller.expert) == (2, 1, [6, 8])
    small = build_model(recipe, run.layout)
    small.load_state_dict(weights)
    batch = gather(run.prepared, "ratings", torch.arange(1, 50))
    with torch.no_grad():
        one, other = run.model.outputs(batch), small.eval().outputs(batch)
    for name, said in one.items():
        torch.testing.assert_close(other[name], said, atol=1e-5, rtol=1e-5)


def test_other_bodies_are_refused(films_run: Run) -> None:
    from plait.export.prune import pruned

    with pytest.raises(RunError, match="`--prune` should be given a run whose body is .* Found `separate`"):
        pruned(_body(films_run, {"kind": "separate"}), 0.5)


def test_a_pupil_comes_nearer_to_its_teacher(experts_run: Run) -> None:
    from plait.export.teach import teach
    from plait.run.build import build_model

    settings = experts_run.recipe.model
    recipe = experts_run.recipe.model_copy(
        update={"train": experts_run.recipe.train.model_copy(update={"epochs": 6, "patience": 99}), "model": settings}
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        small = build_model(recipe.model_copy(update={"seed": 99}), experts_run.layout)
    rows = experts_run.prepared.rows("like", "train")
    meant = experts_run.scorer.outputs("ratings", rows, ["like", "stars"])

    def apart() -> float:
        from plait.run.outcomes import Scorer

        said = Scorer(small, experts_run.prepared, torch.device("cpu")).outputs("ratings", rows, ["like", "stars"])
        return sum(float((said[name] - meant[name]).square().mean()) for name in meant)

    before = apart()
    teach(
        small, build_model(recipe, experts_run.layout), recipe, experts_run.prepared
    )  # a teacher of no sense: other weights
    teacher = build_model(recipe, experts_run.layout)
    teacher.load_state_dict(experts_run.model.state_dict())
    teach(small, teacher, recipe, experts_run.prepared)
    assert apart() < before


@pytest.mark.parametrize("way", ["distil", "prune"])
def test_a_smaller_bundle_is_compared_with_the_run(experts_run: Run, tmp_path: Path, way: str) -> None:
    from plait.export.bundle import load_bundle
    from plait.export.command import export
    from plait.export.options import Options

    options = Options(distil=way == "distil", prune=0.5 if way == "prune" else 0.0, int8=True, loss=1.0)
    serving = export(experts_run, tmp_path / "bundle", options)
    name = {"distil": "distilled", "prune": "pruned"}[way]
    assert [known.name for known in serving.compared] == ["run", name, f"{name} int8"]
    bundle = load_bundle(tmp_path / "bundle")
    assert any("taught by `films`" in said for said in bundle.run.report.warnings)
    assert bundle.run.recipe.model.sharing.kind == ("shared_bottom" if way == "distil" else "mmoe")
    assert {path.name for path in tmp_path.iterdir()} == {"bundle"}


def test_one_way_at_a_time(experts_run: Run, tmp_path: Path) -> None:
    from plait.export.command import export
    from plait.export.options import Options

    with pytest.raises(RecipeError, match="smaller in one way: `--distil` or `--prune`. Found both. Leave"):
        export(experts_run, tmp_path / "bundle", Options(distil=True, prune=0.5))
