"""Tiny pretrained models of every family, made in a moment: two layers, width 32, drawn weights, a small tokenizer."""

from __future__ import annotations

import json
from pathlib import Path

import torch

WORDS = [
    "a film about a dog and its puppy",
    "quarterly tax report of the company, page 3",
    "狗和电影 很好看",
    "un chien joue dans le parc",
    "good bad red green blue one two three four five six seven",
]


def tiny_model(folder: Path, kind: str = "bert", seed: int = 0, positions: int = 64) -> Path:
    """Write a model and its tokenizer into a folder, as `save_pretrained` does.

    Args:
        folder: made where it is not there.
        kind: bert, roberta, mpnet, distilbert, gpt2, llama, qwen2 or t5.
        seed: of its weights.
        positions: how many tokens it can read.
    """
    from transformers import AutoModel
    from transformers.utils import logging

    folder.mkdir(parents=True, exist_ok=True)
    decoder = kind in ("gpt2", "llama", "qwen2")
    vocabulary = _tokenizer(folder, decoder, positions)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AutoModel.from_config(_config(kind, vocabulary, positions))
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    model.save_pretrained(folder)
    if shown:
        logging.enable_progress_bar()
    return folder


def _config(kind: str, vocabulary: int, positions: int) -> object:
    from transformers import AutoConfig

    sizes: dict[str, object] = {
        "vocab_size": vocabulary,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
    }
    sizes |= {"intermediate_size": 48, "max_position_embeddings": positions, "pad_token_id": 0}
    if kind in ("roberta", "mpnet"):
        sizes["max_position_embeddings"] = positions + 2  # they count from behind the padding's number on
        sizes["pad_token_id"] = 1
    if kind in ("llama", "qwen2"):
        sizes |= {"num_key_value_heads": 2, "pad_token_id": None}
    if kind == "gpt2":
        sizes = {"vocab_size": vocabulary, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": positions}
        sizes |= {"bos_token_id": 0, "eos_token_id": 0}
    if kind == "distilbert":
        sizes = {"vocab_size": vocabulary, "dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 48}
        sizes |= {"max_position_embeddings": positions}
    if kind == "t5":
        sizes = {"vocab_size": vocabulary, "d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4}
    return AutoConfig.for_model(kind, **sizes)


def _tokenizer(folder: Path, decoder: bool, positions: int) -> int:
    """Train a byte-level tokenizer on a few texts and write it; a decoder's has no padding and no marks at the ends."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>"] if decoder else ["[X]", "[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(WORDS, trainer)
    stated: dict[str, object] = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": positions}
    if decoder:
        stated |= {"eos_token": "<|endoftext|>", "bos_token": "<|endoftext|>"}
    else:
        ends = [(name, tokenizer.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
        tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair=None, special_tokens=ends)
        stated |= {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]"}
        stated |= {"mask_token": "[MASK]"}
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(stated))
    return tokenizer.get_vocab_size()
