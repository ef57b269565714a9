"""Blocks whose texts wait for the encoder → blocks with vectors, every distinct text of all of them encoded once."""

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import replace

from torch import Tensor

from plait.data.batches import Batch, Block
from plait.data.negatives import Negatives
from plait.data.text.words import distinct
from plait.encode.text.live import LiveText

__all__ = ["read_all", "read_batch", "read_blocks"]


def read_all(
    texts: LiveText | None, batches: Sequence[Batch], negatives: Mapping[str, Negatives], states: Set[str] = frozenset()
) -> tuple[list[Batch], dict[str, Negatives]]:
    """Read all that one step reads at once.

    Args:
        texts: the encoder.
        batches: at most one per table.
        negatives: sampled candidates.
        states: the tables at whose rows' tokens tasks say something: their blocks get the tokens' states as well.
    """
    if texts is None:
        return list(batches), dict(negatives)
    blocks = [block for batch in batches for block in _blocks(batch)] + [drawn.block for drawn in negatives.values()]
    of_tokens = [id(batch.roles[batch.table]) for batch in batches if batch.table in states and batch.table in batch.roles]
    read = iter(read_blocks(texts, blocks, of_tokens))
    found = [_with(batch, [next(read) for _ in _blocks(batch)]) for batch in batches]
    return found, {name: replace(drawn, block=next(read)) for name, drawn in negatives.items()}


def read_batch(texts: LiveText | None, batch: Batch, states: Set[str] = frozenset()) -> Batch:
    """Read the texts of all roles of a batch at once."""
    return batch if texts is None else read_all(texts, [batch], {}, states)[0][0]


def read_blocks(texts: LiveText, blocks: Sequence[Block], of_tokens: Collection[int] = ()) -> list[Block]:
    """Read the texts of some blocks, and of the neighbours of their rows, at once.

    Args:
        texts: the encoder.
        blocks: the blocks.
        of_tokens: the identities of those blocks that get the states of their tokens as well.
    """
    flat = [inner for block in blocks for inner in (block, *(facts.block for facts in block.around.values()))]
    read = iter(_read(texts, flat, of_tokens))
    found = []
    for block in blocks:
        own = next(read)
        around = {name: replace(facts, block=next(read)) for name, facts in block.around.items()}
        found.append(replace(own, around=around) if around else own)
    return found


def _read(texts: LiveText, blocks: Sequence[Block], of_tokens: Collection[int]) -> list[Block]:
    """Read the texts of some blocks at once; blocks without any, or that were read, stay as they are."""
    waiting = {place: block.texts for place, block in enumerate(blocks) if block.texts is not None and not _is_read(block)}
    if not waiting:
        return list(blocks)
    joined, moved = distinct(list(waiting.values()))
    if any(id(blocks[place]) in of_tokens for place in waiting):
        vectors, states = texts.tokens(joined.ids, joined.lengths)
    else:
        vectors, states = texts(joined.ids, joined.lengths, joined.keys), None
    found = list(blocks)
    for place, to in zip(waiting, moved, strict=True):
        block = blocks[place]
        own_states = None
        if states is not None and id(block) in of_tokens:
            own_states = states.index_select(0, joined.places(to).to(states.device))
        to = to.to(vectors.device)
        read: dict[str, Tensor] = {
            name: vectors.index_select(0, to.index_select(0, own)) for name, own in block.words.items()
        }
        found[place] = replace(block, vectors={**block.vectors, **read}, states=own_states)
    return found


def _is_read(block: Block) -> bool:
    return block.words.keys() <= block.vectors.keys()


def _blocks(batch: Batch) -> list[Block]:
    return [*batch.roles.values(), *(past.block for past in batch.pasts.values())]


def _with(batch: Batch, blocks: Sequence[Block]) -> Batch:
    """Return the same batch with other blocks, in the order of `_blocks`."""
    read = iter(blocks)
    roles = {name: next(read) for name in batch.roles}
    return replace(batch, roles=roles, pasts={name: replace(past, block=next(read)) for name, past in batch.pasts.items()})
