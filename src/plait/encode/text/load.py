"""The files of a pretrained model → weights and tokenizer in memory; the one file that imports transformers."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import torch
from torch import nn

from plait.encode.pretrained.files import check_tokenizer, read_json
from plait.encode.pretrained.find import width_of
from plait.encode.pretrained.quiet import quiet
from plait.encode.text.pool import Pooling
from plait.errors import MissingExtraError, RecipeError

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

__all__ = ["Pretrained", "load_pretrained", "save_fresh"]

_MARKS: Final = {
    "pad_token": "PAD",
    "unk_token": "UNK",
    "cls_token": "CLS",
    "sep_token": "SEP",
    "mask_token": "MASK",
}
_STATED: dict[str, Pooling] = {
    "pooling_mode_cls_token": "first",
    "pooling_mode_lasttoken": "last",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean",
}


@dataclass(frozen=True)
class Pretrained:
    """A pretrained model of texts in memory, on the processor, in evaluation mode.

    Attributes:
        model: token numbers and what is seen of them → the last layer's states.
        tokenizer: text → token numbers.
        width: length of a token's state.
        max_tokens: how many tokens the model can read at once.
        pooling: which states make a text's vector: as the recipe says, or as the model was made for.
        pad: a token number to fill rows with; what stands there is never seen.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    width: int
    max_tokens: int
    pooling: Pooling
    pad: int


def load_pretrained(
    place: Path, pooling: Literal["auto", "mean", "first", "last"] = "auto", dtype: torch.dtype = torch.float32
) -> Pretrained:
    """Load a model and its tokenizer.

    The body of a model is taken without any head: of BERT-like ones the encoder, of decoders all but the choice of the
    next token, of encoder–decoders the encoder. `auto` pools as the model's `1_Pooling/config.json` states; where there is
    none, a model in which no token sees a later one (it is tried out) is pooled at the last token, and every other over
    all.

    Args:
        place: where `find_model` found it; weights of a GGUF file are unpacked into ordinary ones.
        pooling: as in the recipe.
        dtype: of the weights.

    Raises:
        RecipeError: a file is missing, damaged, or of no model that transformers knows.
        MissingExtraError: a GGUF file needs the extra `gguf`.
    """
    check_tokenizer(place)
    with _reading(place):
        model, lacking, tokenizer = _load(place, dtype)
    if lacking:
        raise RecipeError(
            f"`model.text.model` should be a model whose weights are complete. Those in `{place}` lack {len(lacking)}, such "
            f"as {', '.join(lacking[:3])}: they are of another model than its config.json. Download it again, or choose "
            "another."
        )
    body: PreTrainedModel = model.eval()  # type: ignore[no-untyped-call]
    pad = tokenizer.pad_token_id
    return Pretrained(
        model=body,
        tokenizer=tokenizer,
        width=width_of(place),
        max_tokens=_positions(body, tokenizer),
        pooling=_made_for(place, body) if pooling == "auto" else pooling,
        pad=pad if isinstance(pad, int) else 0,
    )


def _load(place: Path, dtype: torch.dtype) -> tuple[PreTrainedModel, list[str], PreTrainedTokenizerBase]:
    """Load the body of a model, the names of the weights that its file lacks, and the tokenizer."""
    from transformers import AutoModel, AutoTokenizer, GgufConfig

    folder = place
    of_file: dict[str, Any] = {}
    of_weights: dict[str, Any] = {}
    if place.suffix == ".gguf":
        if importlib.util.find_spec("gguf") is None:
            raise MissingExtraError(
                f"`{place}` is a GGUF file, which the package `gguf` reads. Run: pip install 'plait[gguf]'"
            )
        folder, of_file, of_weights = (
            place.parent,
            {"gguf_file": place.name},
            {"quantization_config": GgufConfig(dequantize=True)},
        )
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False, **of_file)
    model, told = AutoModel.from_pretrained(
        folder,
        dtype=dtype,
        # On processors eager attention is faster than the fused one at the lengths of texts, for want of wide heads.
        attn_implementation=None if torch.cuda.is_available() else "eager",
        local_files_only=True,
        trust_remote_code=False,
        output_loading_info=True,
        **of_file,
        **of_weights,
    )
    if model.config.is_encoder_decoder:
        model = model.get_encoder()
    # What pools the first token for BERT's own second task is not used.
    return model, sorted(name for name in told["missing_keys"] if "pooler" not in name), tokenizer


@contextmanager
def _reading(place: Path) -> Iterator[None]:
    """Keep transformers quiet, and say what it cannot read."""
    try:
        with quiet():
            yield
    except MissingExtraError:
        raise
    except Exception as error:  # the tokenizers' library raises nothing more exact
        said = " ".join(str(error).split())
        if "trust_remote_code" in said:
            said = "it needs program code of its own, which is not run"
        raise RecipeError(
            f"`model.text.model` should be a text encoder with weights and tokenizer. The one in `{place}` "
            f"cannot be read: {said[:600]}. Download it again or choose another."
        ) from error


def save_fresh(folder: Path, tokenizer: Tokenizer, layers: int, width: int, heads: int, tokens: int, seed: int) -> int:
    """Write a BERT whose weights have learned nothing yet, beside its tokenizer.

    Args:
        folder: is made.
        tokenizer: knows the marks [PAD], [UNK], [CLS], [SEP] and [MASK].
        layers: of the encoder.
        width: of its states; its inner layers are four times as wide.
        heads: of its attention.
        tokens: how many it can read at once.
        seed: of the weights.

    Returns:
        How many weights there are.
    """
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * width,
        max_position_embeddings=tokens,
        pad_token_id=tokenizer.token_to_id("[PAD]"),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = BertModel(config)
    folder.mkdir(parents=True, exist_ok=True)
    with quiet():
        model.save_pretrained(folder)
    marks = {name: f"[{mark}]" for name, mark in _MARKS.items()}
    written = PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=tokens, **marks)  # type: ignore[no-untyped-call]
    written.save_pretrained(folder)
    return sum(parameter.numel() for parameter in model.parameters())


def _made_for(place: Path, model: PreTrainedModel) -> Pooling:
    """Return the pooling that sentence-transformers' files state, or that fits what a token sees."""
    stated = read_json(
        place.parent / "1_Pooling" / "config.json" if place.is_file() else place / "1_Pooling" / "config.json"
    )
    for name, pooling in _STATED.items():
        if stated.get(name):
            return pooling
    return "last" if _looks_back_only(model) else "mean"


@torch.inference_mode()
def _looks_back_only(model: PreTrainedModel) -> bool:
    """Say whether a token's state is the same whatever comes after it."""
    table = model.get_input_embeddings().weight
    assert isinstance(table, torch.Tensor)
    last = table.shape[0] - 1
    states: torch.Tensor = model(input_ids=torch.tensor([[last, last - 1], [last, last - 2]])).last_hidden_state
    return bool(torch.allclose(states[0, 0], states[1, 0], rtol=1e-3, atol=1e-5))


def _positions(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> int:
    """Return how many tokens a model can read: by its configuration, by its tokenizer, by its table of positions."""
    limits = [tokenizer.model_max_length]
    configured = getattr(model.config, "max_position_embeddings", None)
    if isinstance(configured, int) and configured > 0:
        limits.append(configured)
    for name, part in model.named_modules():
        if isinstance(part, nn.Embedding) and name.endswith("position_embeddings"):
            # Models after RoBERTa count positions from behind the padding's number on.
            limits.append(part.num_embeddings - (0 if part.padding_idx is None else part.padding_idx + 1))
    return min(limits)
