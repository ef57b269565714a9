"""A small text encoder from nothing: a tokenizer learned from texts, and weights that have learned nothing yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from plait.encode.text.load import save_fresh

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["PIECES", "SHAPES", "Shape", "learn_tokenizer", "new_encoder"]

PIECES: Final = ("wordpiece", "bpe", "characters")


class Shape(NamedTuple):
    """How large an encoder is."""

    layers: int
    width: int
    heads: int
    tokens: int
    """How many tokens of a text it can read."""


SHAPES: Final[dict[str, Shape]] = {
    "tiny": Shape(2, 128, 2, 256),
    "small": Shape(4, 256, 4, 512),
    "base": Shape(6, 384, 12, 512),
}
_MARKS: Final = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def new_encoder(folder: Path, texts: Sequence[str], size: str, pieces: str, vocabulary: int, seed: int) -> tuple[int, int]:
    """Write an encoder that `model.text.model` can name, to be trained with `tune: full` and a task of kind `masked`.

    Args:
        folder: is made.
        texts: what its tokenizer is learned from.
        size: of the encoder, one of `SHAPES`.
        pieces: what a token is, one of `PIECES`: a frequent piece of a word, a frequent run of bytes, or a character.
        vocabulary: how many different tokens there are at most.
        seed: of the weights.

    Returns:
        How many different tokens there are, and how many weights.
    """
    tokenizer = learn_tokenizer(texts, pieces, vocabulary)
    return tokenizer.get_vocab_size(), save_fresh(folder, tokenizer, *SHAPES[size], seed)


def learn_tokenizer(texts: Sequence[str], pieces: str, vocabulary: int) -> Tokenizer:
    """Learn how texts are cut into tokens. Chinese characters are always tokens of their own, except among bytes.

    References:
        WordPiece: Schuster and Nakajima, ICASSP 2012, https://doi.org/10.1109/ICASSP.2012.6289079.
        Byte pairs: Sennrich et al., ACL 2016, https://arxiv.org/abs/1508.07909.
    """
    from tokenizers import processors

    learn = {"wordpiece": _wordpiece, "bpe": _bytes, "characters": _characters}[pieces]
    tokenizer = learn(texts, vocabulary)
    marks = [(mark, tokenizer.token_to_id(mark)) for mark in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=marks
    )
    return tokenizer


def _wordpiece(texts: Sequence[str], vocabulary: int) -> Tokenizer:
    """Learn runs of letters that are frequent, and keep them as they begin a word or go on with one.

    The library's own trainer breaks ties by chance; the runs come from its trainer of pairs, which does not.
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    normalizer = normalizers.BertNormalizer(handle_chinese_chars=True, lowercase=True)
    cut = pre_tokenizers.BertPreTokenizer()
    words = Counter(word for text in texts for word, _ in cut.pre_tokenize_str(normalizer.normalize_str(text)))
    pairs = Tokenizer(models.BPE())
    pairs.normalizer, pairs.pre_tokenizer = normalizer, cut
    room = vocabulary + len(set().union(*words))
    pairs.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=room, show_progress=False), len(texts))
    letters: Counter[str] = Counter()
    runs: Counter[str] = Counter()
    for word, count in words.items():
        for counts, parts in ((letters, list(word)), (runs, pairs.encode(word).tokens)):
            counts.update(dict.fromkeys(parts[:1], count))
            for part in parts[1:]:
                counts[f"##{part}"] += count
    # Letters have first call on the vocabulary; a quarter stays for what they are put together to.
    kept = sorted(letters, key=lambda part: (-letters[part], part))[: vocabulary * 3 // 4]
    further = [part for part in sorted(runs, key=lambda part: (-runs[part], part)) if part not in letters]
    known = [*_MARKS, *sorted(kept), *further][:vocabulary]
    tokenizer = Tokenizer(models.WordPiece({part: number for number, part in enumerate(known)}, unk_token="[UNK]"))
    tokenizer.add_special_tokens(_MARKS)
    tokenizer.normalizer, tokenizer.pre_tokenizer, tokenizer.decoder = normalizer, cut, decoders.WordPiece()
    return tokenizer


def _bytes(texts: Sequence[str], vocabulary: int) -> Tokenizer:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    letters = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=_MARKS, initial_alphabet=letters, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer, len(texts))
    return tokenizer


def _characters(texts: Sequence[str], vocabulary: int) -> Tokenizer:
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(handle_chinese_chars=False, lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"\s+|."), "isolated")
    tokenizer.decoder = decoders.Fuse()
    trainer = trainers.WordLevelTrainer(vocab_size=vocabulary, special_tokens=_MARKS, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer, len(texts))
    return tokenizer
