"""The texts of a task's examples → the states of their tokens, for heads that say something there."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from plait.data.batches import Batch, Block
from plait.data.text.words import Tokens
from plait.encode.text.live import LiveText
from plait.share.parting import alias, part
from plait.tasks.tokens import Script, TokenHead

__all__ = ["token_outputs"]


def token_outputs(
    texts: LiveText,
    head: TokenHead,
    batch: Batch,
    feature: str,
    hidden: Float[Tensor, "B H"] | None,
    picked: Int[Tensor, " b"] | None = None,
) -> tuple[Float[Tensor, "T O"], Script]:
    """Ask a head about the texts of some examples.

    Tokens that it shows as they are were read with the rest of the batch; others are encoded here.

    Args:
        texts: the encoder.
        head: the head.
        batch: the examples.
        feature: their text, a column of their own table.
        hidden: the task's vectors; none where the head does not listen.
        picked: which of the examples; all where not said.
    """
    block = batch.roles[feature.partition(".")[0]]
    own = block.words[feature] if picked is None else block.words[feature].index_select(0, picked)
    numbers, of = torch.unique(own, return_inverse=True)
    assert block.texts is not None
    numbers = numbers.cpu()
    script = _script(texts, block.texts.take(numbers), of, batch.turn)
    vectors = script.embeddings.new_empty(of.shape[0], 0)
    if hidden is not None:
        vectors = hidden if picked is None else hidden.index_select(0, picked)
    shown = head.shown(script)
    states = _known(block, numbers) if shown is script.ids else None
    if states is None:
        states = texts.tokens(shown.cpu().int(), script.lengths.cpu())[1]
    # This way to the encoder goes around the body; the mark lets balancing methods see it too.
    return head(part(alias(states)), vectors, script).float(), script


def _script(texts: LiveText, tokens: Tokens, of: Int[Tensor, " B"], turn: int) -> Script:
    device = of.device
    return Script(
        ids=tokens.ids.long().to(device),
        lengths=tokens.lengths.to(device),
        keys=tokens.keys.to(device),
        of=of,
        turn=turn,
        # A weight that tasks read on both sides of where they part needs a mark on this side.
        embeddings=part(alias(texts.embeddings)),
    )


def _known(block: Block, numbers: Int[Tensor, " U"]) -> Float[Tensor, "tokens D"] | None:
    """Return the states that were computed with the batch."""
    if block.states is None or block.texts is None:
        return None
    return block.states.index_select(0, block.texts.places(numbers).to(block.states.device))
