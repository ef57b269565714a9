"""The phrases of a text that matter: keywords, names, what a review speaks of."""

from collections.abc import Sequence
from typing import ClassVar, Literal, final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from plait import schema
from plait.layout import Alphabet, TaskLayout
from plait.tasks.base import tower
from plait.tasks.paths import best_path, phrases
from plait.tasks.prior import start_at
from plait.tasks.tokens import Script, TokenHead, flags, marked, sums

__all__ = ["Tagging"]


@final
class Tagging(TokenHead):
    """Mark phrases: each token is outside (O), the first of a phrase (B), or goes on with one (I).

        z_k = W relu(A s_k + C h),    loss = mean over the text's tokens k of -log softmax(z_k)[tag of k]

    with s_k the encoder's state of token k, normalised, and h the task's vector, so that what else is known of the row
    speaks at every token. Separators count nowhere. The biases start at the shares of the tags in the training part.

    Phrases are read off the likeliest sequence of tags in which no phrase goes on that has not begun (`best_path`), each O
    worth `lean` less than its log chance. The chance of a phrase is that of its tags, times the chance that it ends where it
    does, whatever `lean` is.

    Args:
        task: the prepared task.
        alphabet: of the encoder.
        width: H.
        layers: widths of the task's tower.
        lean: in favour of phrases.

    Shape:
        O = 3; L = 2 for each of the most phrases that a row has; P = 3 for each of the most phrases found: first token,
        last token, chance.

    References:
        Ramshaw, Marcus: Text Chunking using Transformation-Based Learning, WVLC 1995, https://aclanthology.org/W95-0107.
    """

    class Settings(schema.Task):
        """The phrases of a text that matter."""

        kind: Literal["tagging"]
        text: str
        """The column of the table that holds the text."""
        lean: float = 0.0
        """How many log odds are added in favour of phrases where they are read off: more finds more of them, and more
        that are none. F1 is best somewhat above 0 where phrases are hard to find; choose it on the validation part."""

    metric: ClassVar[str] = "f1"
    listens: ClassVar[bool] = True
    special: Tensor

    def __init__(self, task: TaskLayout, alphabet: Alphabet, width: int, layers: Sequence[int], lean: float = 0.0) -> None:
        super().__init__()
        self.lean = lean
        first = layers[0] if layers else 3
        self.scale = nn.LayerNorm(alphabet.states, elementwise_affine=False)
        self.of_state = nn.Linear(alphabet.states, first)
        self.of_vector = nn.Linear(width, first, bias=False)
        self.network = nn.Sequential(nn.ReLU(), *tower(first, layers[1:], 3)) if layers else nn.Sequential()
        start = torch.tensor(task.class_rate).clamp(min=1e-4).log()
        start_at(self.network if layers else nn.Sequential(self.of_state), start)
        self.register_buffer("special", flags(alphabet.special, alphabet.size), persistent=False)

    def forward(
        self, states: Float[Tensor, "tokens D"], hidden: Float[Tensor, "B H"], script: Script
    ) -> Float[Tensor, "T O"]:
        """Compute the logits of the three tags at the tokens of all examples."""
        places, whose = script.spread()
        token = self.of_state(self.scale(states.float())).index_select(0, places)
        output: Tensor = self.network(token + self.of_vector(hidden).index_select(0, whose))
        return output

    def losses(self, output: Float[Tensor, "T O"], label: Float[Tensor, "B L"], script: Script) -> Float[Tensor, " B"]:
        """Compute the loss of each example, averaged over its tokens."""
        places, whose = script.spread()
        tags = marked(label, script.lengths.index_select(0, script.of))
        counts = self._counts(script, places).to(output.dtype)
        each = functional.cross_entropy(output, tags, reduction="none") * counts
        return sums(each, whose, label.shape[0]) / sums(counts, whose, label.shape[0]).clamp(min=1)

    def predict(self, output: Float[Tensor, "T O"], script: Script) -> Float[Tensor, "B P"]:
        """Return first token, last token and chance of the phrases of each example."""
        places, whose = script.spread()
        kept = self._counts(script, places).nonzero().flatten()
        scores = torch.log_softmax(output.index_select(0, kept), dim=1)
        owner = whose.index_select(0, kept)
        inside = (places - script.starts.index_select(0, script.of).index_select(0, whose)).index_select(0, kept)
        tags = best_path(scores - scores.new_tensor([self.lean, 0.0, 0.0]), owner)
        return phrases(scores, tags, owner, inside, script.of.shape[0])

    def _counts(self, script: Script, places: Int[Tensor, " T"]) -> Tensor:
        """Say of each token of the examples whether it is part of the text."""
        return ~self.special.index_select(0, script.ids.index_select(0, places))
