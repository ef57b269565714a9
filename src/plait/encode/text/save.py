"""A pretrained model in memory → a folder that a recipe can name."""

from __future__ import annotations

import json
from pathlib import Path

from torch import Tensor

from plait.encode.pretrained.quiet import quiet
from plait.encode.text.load import Pretrained

__all__ = ["save_pretrained"]


def save_pretrained(loaded: Pretrained, folder: Path, state: dict[str, Tensor]) -> None:
    """Write a model with its tokenizer and its pooling, as `find_model` finds and `load_pretrained` loads it.

    Args:
        loaded: the model.
        folder: made where it is not there.
        state: its weights by their names.
    """
    with quiet():
        loaded.model.save_pretrained(folder, state_dict=state)
        loaded.tokenizer.save_pretrained(folder)
    modes = {"pooling_mode_cls_token": "first", "pooling_mode_mean_tokens": "mean", "pooling_mode_lasttoken": "last"}
    stated = {"word_embedding_dimension": loaded.width, **{mode: loaded.pooling == how for mode, how in modes.items()}}
    (folder / "1_Pooling").mkdir(exist_ok=True)
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(stated, indent=1), encoding="utf-8")
