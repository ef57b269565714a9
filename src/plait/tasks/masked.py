"""The hidden tokens of a text: what an encoder learns from texts that nobody labelled."""

from typing import ClassVar, Final, Literal, final

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from plait import schema
from plait.layout import Alphabet
from plait.tasks.noise import noise
from plait.tasks.tokens import Script, TokenHead, flags, sums

__all__ = ["Masked"]

_AT_ONCE: Final = 2048


@final
class Masked(TokenHead):
    """Guess hidden tokens from those around them.

        loss = mean over hidden tokens k of -log softmax(E g(s_k) + b)[token k],    g(s) = norm(gelu(W s + c))

    with s_k the encoder's state there and E its own token vectors, so that what is guessed and what is read are one
    table. Of a text's tokens a share is chosen; of those 80 % are hidden behind the mask, 10 % are replaced by another
    token and 10 % stay. States are gathered at the chosen tokens before they are multiplied with E. Which tokens are chosen
    is a function of seed, step and text (`noise`), and always the same in evaluation.

    Where a state has read only what stands before it (GPT), nothing is hidden: every token is guessed from the state before
    it, with g(s) = s and b = 0, as such models are trained.

    Args:
        alphabet: of the encoder.
        settings: how much is hidden.

    Shape:
        O = E, the length of a token's vector; P = 3: the sum of -log p, right guesses, tokens guessed.

    References:
        Devlin et al.: BERT, NAACL 2019, https://arxiv.org/abs/1810.04805;
        Gururangan et al.: Don't Stop Pretraining, ACL 2020, https://arxiv.org/abs/2004.10964 (further on one's own texts).
    """

    class Settings(schema.Task):
        """The hidden tokens of a text."""

        kind: Literal["masked"]
        text: str
        """The column of the table that holds the text."""
        label: str = "1"
        """SQL expression; rows where it is NULL are not read. Every row is where not said."""
        share: float = Field(default=0.15, gt=0, lt=1)
        """Share of a text's tokens that are guessed."""
        whole_words: bool = False
        """Whether the tokens of one word are hidden together."""

    metric: ClassVar[str] = "perplexity"
    listens: ClassVar[bool] = False
    spells: ClassVar[bool] = True
    special: Tensor
    inner: Tensor
    ordinary: Tensor

    def __init__(self, alphabet: Alphabet, settings: Settings) -> None:
        super().__init__()
        self.share, self.whole_words = settings.share, settings.whole_words
        self.mask, self.causal = alphabet.mask or 0, alphabet.mask is None
        special = flags(alphabet.special, alphabet.size)
        self.transform = nn.Sequential()
        self.bias = None
        if not self.causal:
            self.transform = nn.Sequential(
                nn.Linear(alphabet.states, alphabet.embedding), nn.GELU(), nn.LayerNorm(alphabet.embedding)
            )
            self.bias = nn.Parameter(torch.zeros(alphabet.size))
        self.register_buffer("special", special, persistent=False)
        self.register_buffer("inner", flags(alphabet.inner, alphabet.size), persistent=False)
        self.register_buffer("ordinary", (~special).nonzero().flatten(), persistent=False)

    def shown(self, script: Script) -> Int[Tensor, " tokens"]:
        """Hide, replace or leave the chosen tokens."""
        if self.causal:
            return script.ids
        keys, places = self._counters(script)
        chosen = self._chosen(script)
        how = noise(keys, places, script.turn, 1)
        drawn = (noise(keys, places, script.turn, 2) * self.ordinary.shape[0]).long()
        other = self.ordinary.index_select(0, drawn)
        changed = torch.where(how < 0.8, torch.full_like(script.ids, self.mask), torch.where(how < 0.9, other, script.ids))
        return torch.where(chosen, changed, script.ids)

    def forward(
        self, states: Float[Tensor, "tokens D"], hidden: Float[Tensor, "B H"], script: Script
    ) -> Float[Tensor, "T O"]:
        """Compute the vectors that are compared with those of all tokens, at the chosen tokens."""
        output: Tensor = self.transform(states.index_select(0, self._places(script)[0]))
        return output

    def losses(self, output: Float[Tensor, "T O"], label: Float[Tensor, "B L"], script: Script) -> Float[Tensor, " B"]:
        """Compute the loss of each example so that their mean is the mean over all guessed tokens."""
        costs, counts = self._of_texts(self._costs(output, script)[0], script)
        return costs * (counts.shape[0] / counts.sum().clamp(min=1))

    def predict(self, output: Float[Tensor, "T O"], script: Script) -> Float[Tensor, "B P"]:
        """Return the sum of -log p, the right guesses and the number of guesses of each example."""
        costs, right = self._costs(output, script)
        total, counts = self._of_texts(costs, script)
        return torch.stack([total, self._of_texts(right, script)[0], counts], dim=1)

    def _counters(self, script: Script) -> tuple[Int[Tensor, " tokens"], Int[Tensor, " tokens"]]:
        """Return for each token the key of its text and its place in it."""
        text = script.text()
        places = torch.arange(text.shape[0], device=text.device) - script.starts.index_select(0, text)
        return script.keys.index_select(0, text), places

    def _chosen(self, script: Script) -> Tensor:
        """Say which tokens are guessed."""
        keys, places = self._counters(script)
        ordinary = ~self.special.index_select(0, script.ids)
        if self.whole_words:
            # All tokens of a word ask with the place of its first one.
            begins = ~self.inner.index_select(0, script.ids) | (places == 0)
            places = _held(places, begins)
        return ordinary & (noise(keys, places, script.turn, 0) < self.share)

    def _places(self, script: Script) -> tuple[Int[Tensor, " T"], Int[Tensor, " T"]]:
        """Return the tokens whose states are read, and those that are guessed from them."""
        if not self.causal:
            chosen = self._chosen(script).nonzero().flatten()
            return chosen, chosen
        text = script.text()
        follows = (text[1:] == text[:-1]).nonzero().flatten()
        return follows, follows + 1

    def _costs(self, output: Float[Tensor, "T O"], script: Script) -> tuple[Float[Tensor, " T"], Float[Tensor, " T"]]:
        """Return -log p of the right tokens, and whether they are the likeliest; some at a time, their logits not kept."""
        targets = script.ids.index_select(0, self._places(script)[1])
        parts = [
            checkpoint(self._cost, some, script.embeddings, wanted, use_reentrant=False, preserve_rng_state=False)
            for some, wanted in zip(torch.split(output, _AT_ONCE), torch.split(targets, _AT_ONCE), strict=True)
        ]
        costs, right = zip(*parts, strict=True)
        return torch.cat(costs), torch.cat(right)

    def _cost(
        self, output: Float[Tensor, "T O"], embeddings: Float[Tensor, "V E"], targets: Int[Tensor, " T"]
    ) -> tuple[Float[Tensor, " T"], Float[Tensor, " T"]]:
        logits = functional.linear(output.to(embeddings.dtype), embeddings, self.bias).float()
        return functional.cross_entropy(logits, targets, reduction="none"), (logits.argmax(1) == targets).float()

    def _of_texts(self, values: Float[Tensor, " T"], script: Script) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"]]:
        """Add up numbers of guessed tokens by example, and count the guesses."""
        text = script.text().index_select(0, self._places(script)[1])
        texts = script.lengths.shape[0]
        total, count = sums(values, text, texts), sums(torch.ones_like(values), text, texts)
        return total.index_select(0, script.of), count.index_select(0, script.of)


def _held(places: Int[Tensor, " T"], begins: Tensor) -> Int[Tensor, " T"]:
    """Return for each token the place of the last one before it, or itself, at which something begins."""
    index = torch.arange(places.shape[0], device=places.device)
    last = torch.where(begins, index, torch.zeros_like(index)).cummax(0).values if places.shape[0] else index
    return places.index_select(0, last)
