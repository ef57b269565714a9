"""A finished run: its recipe, its report, and a model that predicts without the data it was trained on."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, final

import torch
from safetensors.torch import load_file

from plait.data.columns import Prepared
from plait.data.media.medium import MediaEncoders
from plait.data.prepare import load as load_prepared
from plait.data.text.vectors import TextEncoder
from plait.data.text.words import TokenReader
from plait.errors import RunError
from plait.layout import Layout
from plait.model import MultiTaskModel
from plait.recipe import Recipe, load_recipe
from plait.report.content import Report
from plait.report.figures import Figures
from plait.run.build import build_media, build_model, build_texts
from plait.run.manifest import BUNDLE, ENCODER, INSIDE, check_manifest
from plait.run.outcomes import Scorer

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Run", "load"]


@final
class Run:
    """A run folder, checked and ready.

    Args:
        folder: as `plait train --out` left it; or a bundle of `plait export`, which holds a run.

    Attributes:
        folder: where it lies.
        recipe: every setting, defaults written out.
        report: what `report.json` holds.

    Raises:
        RunError: there is no such run, or it did not finish.
        CorruptError: a file is missing or altered.
    """

    def __init__(self, folder: Path) -> None:
        check_manifest(folder)
        if (folder / BUNDLE).is_file():
            folder = folder / INSIDE
            check_manifest(folder)
        self.folder = folder
        self.recipe: Recipe = load_recipe(folder / "recipe.yaml")
        self.report = Report.model_validate_json((folder / "report.json").read_text(encoding="utf-8"))

    @cached_property
    def figures(self) -> Figures:
        """What `figures.json` holds: the series behind the report's pictures."""
        return Figures.model_validate_json((self.folder / "figures.json").read_text(encoding="utf-8"))

    @cached_property
    def prepared(self) -> Prepared:
        """The prepared tables as the run saw them: what its keys lead to."""
        return load_prepared(self.folder / "tables")

    @property
    def layout(self) -> Layout:
        """How the prepared tables look."""
        return self.prepared.layout

    @cached_property
    def model(self) -> MultiTaskModel:
        """The trained model, in evaluation mode on the CPU."""
        model = build_model(self.recipe, self.layout, self._encoder)
        weights = load_file(self.folder / "weights.safetensors")
        known = model.state_dict()
        wrong = sorted({*known} ^ {*weights} | {n for n in {*known} & {*weights} if known[n].shape != weights[n].shape})
        if wrong:
            raise RunError(
                f"`{self.folder / 'weights.safetensors'}` should hold the {len(known)} tensors of the recipe's model. "
                f"Found {len(wrong)} that do not fit, such as `{wrong[0]}`. Train the recipe again."
            )
        model.load_state_dict(weights)
        return model.eval()

    @cached_property
    def scorer(self) -> Scorer:
        """Runs the model over rows."""
        return Scorer(self.model, self.prepared, torch.device("cpu"))

    @cached_property
    def texts(self) -> TextEncoder | TokenReader | None:
        """What reads texts, where the recipe has any."""
        return build_texts(self.recipe, self._encoder)

    @property
    def _encoder(self) -> Path | None:
        """The folder of the run's own text encoder, where that was a part of the model."""
        folder = self.folder / ENCODER
        return folder if folder.is_dir() else None

    @cached_property
    def media(self) -> MediaEncoders | None:
        """What reads pictures and sounds, where the recipe has any."""
        return build_media(self.recipe)

    def predict(self, rows: pa.Table, of: str | None = None, files: Path | None = None) -> pa.Table:
        """Score rows for every task of their table.

        Args:
            rows: rows of one of the recipe's tables, labels not needed.
            of: which table; found by the columns where not said.
            files: the folder that relative paths of pictures and sounds start from; no file is read where not said.

        Returns:
            The table's id and key columns that `rows` holds, then per task its prediction, in the order of `rows`.
        """
        from plait.run.predict import predict

        return predict(self, rows, of, files)


def load(folder: Path | str) -> Run:
    """Load a run."""
    return Run(Path(folder))
