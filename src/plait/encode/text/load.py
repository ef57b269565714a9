"""The folder of a pretrained model → weights and tokenizer in memory; the one file that imports transformers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from plait.encode.text.find import read_json, width_of
from plait.encode.text.pool import Pooling
from plait.errors import RecipeError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

__all__ = ["Pretrained", "load_pretrained"]


@dataclass(frozen=True)
class Pretrained:
    """A pretrained model of texts in memory, on the processor, in fp32, in evaluation mode.

    Attributes:
        model: token numbers and what is seen of them → the last layer's states.
        tokenizer: text → token numbers.
        width: length of a token's state.
        max_tokens: how many tokens the model can read at once.
        pooling: which states make a text's vector, as the model was made for.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    width: int
    max_tokens: int
    pooling: Pooling


def load_pretrained(folder: Path, pooling: Literal["auto", "mean", "first", "last"] = "auto") -> Pretrained:
    """Load a model and its tokenizer.

    Args:
        folder: where `find_model` found it.
        pooling: as in the recipe.

    Raises:
        RecipeError: a file is missing, damaged, or of no model that transformers knows.
    """
    from safetensors import SafetensorError
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        # Eager attention is faster than sdpa on processors without AMX, and as fast elsewhere at these lengths.
        model = AutoModel.from_pretrained(folder, attn_implementation="eager", local_files_only=True)
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, SafetensorError) as error:
        raise RecipeError(
            f"`model.text.model` should be a text encoder with weights and tokenizer. The one in `{folder}` "
            f"cannot be read: {' '.join(str(error).split())}. Download it again or choose another."
        ) from error
    finally:
        if shown:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
    positions = read_json(folder / "config.json").get("max_position_embeddings")
    most = positions if isinstance(positions, int) else 1 << 30
    return Pretrained(model.eval(), tokenizer, width_of(folder), most, _made_for(folder) if pooling == "auto" else pooling)


def _made_for(folder: Path) -> Pooling:
    """Read which pooling sentence-transformers states."""
    stated = read_json(folder / "1_Pooling" / "config.json")
    return "first" if stated.get("pooling_mode_cls_token") else "mean"
