"""Smaller models of a run, each a run of its own with a report of its own: a distilled body, or a pruned one."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter

import torch

from plait.errors import RunError
from plait.export.prune import pruned
from plait.export.teach import teach
from plait.model import MultiTaskModel
from plait.recipe import Recipe
from plait.run.build import build_model
from plait.run.content import Measured
from plait.run.manifest import ENCODER, write_file
from plait.run.phase import on_test
from plait.run.rules import rule_reports
from plait.run.run import Run
from plait.run.unlabelled import unlabelled_reports
from plait.run.write import write_run
from plait.share.shared_bottom import SharedBottom

__all__ = ["distilled", "pruned_run"]

_LAYERS = [64, 32]


def distilled(run: Run, folder: Path) -> Run:
    """Teach a shared bottom of two small layers all tasks of a run, and write it as a run.

    It begins with the run's own embeddings and histories, since these are what the tables are read with.

    Args:
        run: the run.
        folder: where the small one goes.
    """
    model = run.recipe.model.model_copy(update={"sharing": SharedBottom.Settings(layers=_LAYERS)})
    recipe = run.recipe.model_copy(update={"model": model})
    small = build_model(recipe, run.layout)
    known, own = run.model.state_dict(), small.state_dict()
    begun = {name: tensor for name, tensor in known.items() if name.startswith("encoder.") and name in own}
    small.load_state_dict({**own, **{n: t for n, t in begun.items() if t.shape == own[n].shape}})
    return _taught(run, small, recipe, folder)


def pruned_run(run: Run, folder: Path, share: float) -> Run:
    """Take a share of experts and units out of a run's body, teach the rest what the run says, and write it as a run.

    Args:
        run: the run.
        folder: where the small one goes.
        share: which share is taken out.

    Raises:
        RunError: the body has nothing that can be taken out.
    """
    recipe, weights = pruned(run, share)
    small = build_model(recipe, run.layout)
    small.load_state_dict(weights)
    return _taught(run, small, recipe, folder)


def _taught(run: Run, small: MultiTaskModel, recipe: Recipe, folder: Path) -> Run:
    if (run.folder / ENCODER).is_dir():
        raise RunError(
            "`--distil` and `--prune` should be given a run that reads texts with a frozen encoder, since they make the "
            "body smaller. Found a text encoder inside the model. `--int8` makes any run smaller."
        )
    start = perf_counter()
    # The teacher is a model of its own, since the run's is asked again afterwards.
    teacher = build_model(run.recipe, run.layout)
    teacher.load_state_dict(run.model.state_dict())
    fitted = teach(small, teacher, recipe, run.prepared)
    seconds = perf_counter() - start
    outcomes, evaluated = on_test(small, run.prepared)
    folder.mkdir(parents=True)
    write_file(folder / "recipe.yaml", recipe.to_yaml())
    measured = Measured(
        joint=outcomes,
        alone={},
        trees={},
        fitted=fitted,
        fitted_alone={},
        seconds={"prepare": 0.0, "train": seconds, "evaluate": evaluated},
        parameters=sum(p.numel() for p in small.parameters()),
        warnings=[f"taught by `{run.recipe.name}` of {sum(p.numel() for p in run.model.parameters()):,} parameters"],
        rules=rule_reports(small, run.prepared),
        unlabelled=unlabelled_reports(recipe, small, run.prepared),
    )
    with torch.no_grad():
        write_run(folder, recipe, run.prepared, small, measured)
    return Run(folder)
