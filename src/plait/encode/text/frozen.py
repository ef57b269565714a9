"""Texts to vectors with a pretrained encoder that stays as it is: what preparation keeps."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import final

import numpy as np
import torch
from jaxtyping import Bool, Float, Float16, Int
from torch import Tensor

from plait.encode.pretrained.find import find_model, fingerprint, width_of
from plait.encode.pretrained.precision import has_bfloat16
from plait.encode.text.chunks import cut, pad
from plait.encode.text.load import Pretrained, load_pretrained
from plait.encode.text.pool import pool
from plait.encode.text.read import Windows, clean, read_texts
from plait.encode.text.settings import Text
from plait.progress import Tell

__all__ = ["FrozenText"]


@final
class FrozenText:
    """Encode texts once, for preparation to keep: the last layer's token states, pooled, of length one.

    A text of windows w with n_w tokens each, whose states pool to v_w, becomes Σ n_w·v_w / |Σ n_w·v_w|; cut, it is one
    window. Each distinct text is encoded once. Windows are sorted by length and read by few tokens at a time, which stay in
    the processor's cache, with hardly any padding; weights and states are bfloat16 where the device multiplies it natively.
    An empty or blank text is the zero vector. The weights are loaded at the first call; finding the model and its
    `fingerprint` needs neither torch modules nor transformers.

    Args:
        settings: which model, and how a text is read.
        batch_tokens: how many tokens one pass reads at most, chosen for the device where not said; a matter of speed only.

    Attributes:
        dim: length of a vector.
        fingerprint: changes when the weights or the reading of texts change; keys the cache.

    Raises:
        RecipeError: the model is nowhere to be found, or is no text encoder.

    References:
        Reimers, Gurevych: Sentence-BERT, EMNLP 2019, https://arxiv.org/abs/1908.10084.
    """

    def __init__(self, settings: Text.Settings, batch_tokens: int | None = None) -> None:
        self.settings = settings
        self.folder = find_model(settings.model)
        self.dim = width_of(self.folder)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.batch_tokens = batch_tokens or (1024 if self.device.type == "cpu" else 32768)
        reading = f"normalised-float16:{settings.max_tokens}:{settings.pooling}:{settings.long}:{settings.prefix}"
        self.fingerprint = fingerprint(self.folder, reading)
        self._loaded: Pretrained | None = None

    def __call__(self, texts: Sequence[str], tell: Tell | None = None) -> Float16[np.ndarray, "n dim"]:
        """Encode texts.

        Args:
            texts: any strings, in any language the model reads.
            tell: called with ("texts", done, total) as the distinct texts are encoded.

        Returns:
            One vector of length one per text, zero for a blank one.
        """
        cleaned = [clean(text) for text in texts]
        distinct = {text: number for number, text in enumerate(dict.fromkeys(cleaned)) if text}
        numbers = {text: number for number, text in enumerate(distinct)} | {"": len(distinct)}
        vectors = np.zeros((len(numbers), self.dim), dtype=np.float16)
        if distinct:
            vectors[:-1] = self._encode_all(list(distinct), tell)
        return vectors[np.fromiter((numbers[text] for text in cleaned), np.int64, len(cleaned))]

    def _encode_all(self, texts: list[str], tell: Tell | None) -> Float16[np.ndarray, "n dim"]:
        loaded = self._load()
        said = [self.settings.prefix + text for text in texts] if self.settings.prefix else texts
        windows = read_texts(loaded, said, self.settings.max_tokens, self.settings.long)
        sums = np.zeros((len(texts), self.dim), dtype=np.float32)
        left = np.bincount(windows.texts, minlength=len(texts))
        lots = cut(torch.from_numpy(windows.lengths), self.batch_tokens)
        for lot, found in zip(lots, self._encode_lots(loaded, windows, lots), strict=True):
            some = lot.numpy()
            np.add.at(sums, windows.texts[some], found * windows.lengths[some, None])
            np.subtract.at(left, windows.texts[some], 1)
            if tell is not None:
                tell("texts", int((left == 0).sum()), len(texts))
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        return (sums / np.where(norms > 0, norms, 1)).astype(np.float16)

    def _encode_lots(
        self, loaded: Pretrained, windows: Windows, lots: list[Int[Tensor, "_"]]
    ) -> Iterator[Float[np.ndarray, "_ dim"]]:
        """Encode lots of windows, on a processor one on each core.

        Between its products a lot holds too little work for two cores, and cores that wait for each other at every product
        stand still whenever another process has one of them.
        """
        ids, starts, lengths = (torch.from_numpy(part) for part in (windows.ids, windows.starts[:-1], windows.lengths))

        def encode(some: Int[Tensor, "_"]) -> Float[np.ndarray, "_ dim"]:
            return self._encode(loaded, *pad(ids, starts[some], lengths[some], loaded.pad)).cpu().numpy()

        cores = torch.get_num_threads()
        if self.device.type != "cpu" or min(cores, len(lots)) < 2:
            yield from map(encode, lots)
            return
        pool = ThreadPoolExecutor(cores, initializer=torch.set_num_threads, initargs=(1,))
        try:
            yield from pool.map(encode, lots)
        finally:
            pool.shutdown(cancel_futures=True)
            torch.set_num_threads(cores)

    @torch.inference_mode()
    def _encode(self, loaded: Pretrained, tokens: Int[Tensor, "B L"], seen: Bool[Tensor, "B L"]) -> Float[Tensor, "B dim"]:
        mask = None if seen.all() else seen.long().to(self.device)
        states: Tensor = loaded.model(input_ids=tokens.to(self.device), attention_mask=mask).last_hidden_state
        return pool(states.float(), seen.long().to(self.device), loaded.pooling)

    def _load(self) -> Pretrained:
        if self._loaded is None:
            dtype = torch.bfloat16 if has_bfloat16(self.device) else torch.float32
            self._loaded = load_pretrained(self.folder, self.settings.pooling, dtype)
            body: torch.nn.Module = self._loaded.model
            body.requires_grad_(False).to(self.device)
        return self._loaded
