"""Small pretrained encoders for tests: BERT-like and GPT-like, with weights drawn at random and a tokenizer of words."""

from __future__ import annotations

from pathlib import Path

__all__ = ["WORDS", "bert", "gpt"]

WORDS = "good bad dull great film plot actor song dog cat red blue the a is was very not and with".split()


def bert(folder: Path, seed: int = 0, layers: int = 2, width: int = 32) -> Path:
    """Write a BERT of two layers; it begins a text with [CLS] and ends it with [SEP]."""
    import torch
    from transformers import BertConfig, BertModel

    torch.manual_seed(seed)
    tokenizer = _tokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], True)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=width, num_hidden_layers=layers, num_attention_heads=2,
        intermediate_size=2 * width, max_position_embeddings=64,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def gpt(folder: Path, seed: int = 0, layers: int = 2, width: int = 32) -> Path:
    """Write a GPT-2 of two layers, whose texts have no marks."""
    import torch
    from transformers import GPT2Config, GPT2Model

    torch.manual_seed(seed)
    tokenizer = _tokenizer(["[UNK]", "[EOS]"], False)
    config = GPT2Config(vocab_size=len(tokenizer), n_embd=width, n_layer=layers, n_head=2, n_positions=64)
    GPT2Model(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _tokenizer(marks: list[str], bert: bool):  # type: ignore[no-untyped-def]
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: number for number, word in enumerate([*marks, *WORDS])}
    made = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    made.pre_tokenizer = Whitespace()
    if not bert:
        return PreTrainedTokenizerFast(tokenizer_object=made, unk_token="[UNK]", eos_token="[EOS]")
    made.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )
