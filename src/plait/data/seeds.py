"""Random numbers that depend on nothing but names: one generator per purpose, epoch and step."""

from __future__ import annotations

from hashlib import blake2b

import torch

__all__ = ["generator"]


def generator(seed: int, *names: str | int) -> torch.Generator:
    """Return a generator that is a pure function of the seed and of what it is for.

    Because no state is carried from one batch to the next, any step can be drawn again without the steps before it, by any
    number of workers.

    Args:
        seed: the recipe's seed.
        names: what the numbers are for, for example the table, the epoch and the batch.

    Example:
        >>> a, b = generator(17, "ratings", 0), generator(17, "ratings", 0)
        >>> torch.equal(torch.randperm(9, generator=a), torch.randperm(9, generator=b))
        True
    """
    digest = blake2b(repr((seed, *names)).encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "big") >> 1)
