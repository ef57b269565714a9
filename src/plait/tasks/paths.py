"""From tags of tokens to phrases: the likeliest sequence in which none goes on that has not begun."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["best_path", "phrases"]

OUTSIDE, FIRST, INNER = 0, 1, 2


def best_path(scores: Float[Tensor, "T 3"], whose: Int[Tensor, " T"]) -> Int[Tensor, " T"]:
    """Return the tags of highest sum in which 2 (inner) stands only behind 1 (first) or 2.

    Args:
        scores: what each tag of each token is worth: its log chance.
        whose: which example each token belongs to, ascending.

    References:
        Viterbi: Error Bounds for Convolutional Codes, 1967, https://doi.org/10.1109/TIT.1967.1054010.
    """
    if not len(scores):
        return scores.new_zeros(0, dtype=torch.int64)
    _, example, lengths = torch.unique_consecutive(whose, return_inverse=True, return_counts=True)
    place = torch.arange(len(whose), device=whose.device) - (lengths.cumsum(0) - lengths).index_select(0, example)
    longest = int(lengths.max())
    # Behind the end of an example nothing changes: all tags are worth nothing there, and a path may stay outside.
    padded = scores.new_zeros(longest, len(lengths), 3)
    padded[place, example] = scores
    best = padded[0].clone()
    best[:, INNER] = -torch.inf
    before = whose.new_empty(longest, len(lengths), 3)
    for step in range(1, longest):
        free, origin = best.max(dim=1)
        going, own = best[:, FIRST:].max(dim=1)
        before[step] = torch.stack([origin, origin, own + FIRST], dim=1)
        best = torch.stack([free, free, going], dim=1) + padded[step]
    tags = whose.new_empty(longest, len(lengths))
    tag = best.argmax(dim=1)
    for step in range(longest - 1, 0, -1):
        tags[step] = tag
        tag = before[step].gather(1, tag[:, None])[:, 0]
    tags[0] = tag
    return tags[place, example]


def phrases(
    scores: Float[Tensor, "T 3"], tags: Int[Tensor, " T"], whose: Int[Tensor, " T"], place: Int[Tensor, " T"], examples: int
) -> Float[Tensor, "B P"]:
    """Read phrases off tags.

    Args:
        scores: the log chances of the tags.
        tags: as `best_path` chose them.
        whose: which example each token belongs to, ascending.
        place: where each token stands in its text.
        examples: B.

    Returns:
        For each example the phrases in order, each as first token, last token and chance; padded with -1.
    """
    first = (tags == FIRST).nonzero().flatten()
    if not len(first):
        return scores.new_full((examples, 0), -1.0)
    after = torch.cat([tags[1:] != INNER, tags.new_ones(1, dtype=torch.bool)])
    ends = (after & (tags != OUTSIDE)).nonzero().flatten()
    chosen = scores.gather(1, tags[:, None])[:, 0].double()
    summed = torch.cat([chosen.new_zeros(1), chosen.cumsum(0)])
    behind = (ends + 1).clamp(max=len(tags) - 1)
    same = (ends + 1 < len(tags)) & (whose.index_select(0, behind) == whose.index_select(0, ends))
    going = scores[:, INNER].exp().clamp(max=1 - 1e-6).index_select(0, behind).double()
    stop = torch.where(same, torch.log1p(-going), torch.zeros_like(going))
    chance = (summed[ends + 1] - summed[first] + stop).exp()
    owner = whose.index_select(0, first)
    counts = torch.bincount(owner, minlength=examples)
    slot = torch.arange(len(owner), device=owner.device) - (counts.cumsum(0) - counts).index_select(0, owner)
    found = scores.new_full((examples, int(counts.max()), 3), -1.0)
    found[owner, slot] = torch.stack([place[first], place[ends], chance], dim=1).to(found.dtype)
    return found.flatten(1)
