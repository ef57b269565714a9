"""Texts to vectors with a pretrained encoder that stays as it is: what preparation keeps."""

from collections.abc import Callable, Sequence
from typing import final

import numpy as np
import torch
from jaxtyping import Float, Float16
from torch import Tensor

from plait.encode.precision import has_bfloat16
from plait.encode.text.find import find_model, fingerprint, width_of
from plait.encode.text.joint import parted
from plait.encode.text.load import Pretrained, load_pretrained
from plait.encode.text.pool import pool
from plait.encode.text.settings import Text

__all__ = ["FrozenText"]

Tell = Callable[[str, int, int], None]


@final
class FrozenText:
    """Encode texts once, for preparation to keep: the last layer's token states, pooled, of length one.

    Texts are encoded each distinct one once, sorted by length so that little padding is read, in bfloat16 where the
    processor multiplies it natively. An empty or blank text is the zero vector. The weights are loaded at the first
    call; finding the model and its `fingerprint` needs neither torch modules nor transformers.

    Args:
        settings: which model, and how a text is read.
        batch_tokens: how many tokens one pass reads at most; a matter of memory and speed only.

    Attributes:
        dim: length of a vector.
        fingerprint: changes when the weights or the reading of texts change; keys the cache.

    Raises:
        RecipeError: the model is nowhere to be found, or is no text encoder.

    References:
        Reimers, Gurevych: Sentence-BERT, EMNLP 2019, https://arxiv.org/abs/1908.10084.
    """

    def __init__(self, settings: Text.Settings, batch_tokens: int = 8192) -> None:
        self.settings = settings
        self.folder = find_model(settings.model)
        self.dim = width_of(self.folder)
        self.batch_tokens = batch_tokens
        self.fingerprint = fingerprint(self.folder, f"normalised-float16:{settings.max_tokens}:{settings.pooling}")
        self._loaded: Pretrained | None = None

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
        loaded = self._load()
        most = min(self.settings.max_tokens, loaded.max_tokens)
        tokens = loaded.tokenizer(parted(texts, loaded.tokenizer), truncation=True, max_length=most)["input_ids"]
        order = sorted((n for n, text in enumerate(texts) if text), key=lambda n: len(tokens[n]), reverse=True)
        device = next(loaded.model.parameters()).device
        done = 0
        while done < len(order):
            some = order[done : done + max(1, self.batch_tokens // len(tokens[order[done]]))]
            padded = loaded.tokenizer.pad({"input_ids": [tokens[n] for n in some]}, return_tensors="pt").to(device)
            vectors[some] = self._encode(loaded, padded["input_ids"], padded["attention_mask"]).half().cpu().numpy()
            done += len(some)
            if tell is not None:
                tell("texts", done, len(order))

    @torch.inference_mode()
    def _encode(self, loaded: Pretrained, tokens: Tensor, seen: Tensor) -> Float[Tensor, "B dim"]:
        with torch.autocast(tokens.device.type, torch.bfloat16, enabled=has_bfloat16(tokens.device)):
            states: Tensor = loaded.model(input_ids=tokens, attention_mask=seen).last_hidden_state
        return torch.nn.functional.normalize(pool(states.float(), seen, loaded.pooling), dim=1)

    def _load(self) -> Pretrained:
        if self._loaded is None:
            loaded = load_pretrained(self.folder, self.settings.pooling)
            body: torch.nn.Module = loaded.model
            body.requires_grad_(False).to("cuda" if torch.cuda.is_available() else "cpu")
            self._loaded = loaded
        return self._loaded
