"""How alike two texts of an example are, laid behind the vector of a task that asks for it."""

from collections.abc import Mapping
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from plait.share.parting import alias, part

__all__ = ["Alike"]

Span = tuple[int, int]


@final
class Alike:
    """Tell the heads of some tasks the cosine of two texts, each as its row encoder projects it.

    The body has to learn from labels what makes two of its inputs alike; a pretrained encoder knows. This way around the
    body hands over what it knows, and lets the task tune it.

    Args:
        spans: task -> where its two texts lie in the joint input.
    """

    def __init__(self, spans: Mapping[str, tuple[Span, Span]]) -> None:
        self.spans = dict(spans)

    def widen(
        self, vectors: Mapping[str, Float[Tensor, "B _"]], x: Float[Tensor, "views b D"]
    ) -> dict[str, Float[Tensor, "B _"]]:
        """Return the tasks' vectors, those of tasks that ask with one more number at their end.

        Args:
            vectors: as the body gives them.
            x: what it read; b is B, or 1 where all examples are the same.
        """
        found = dict(vectors)
        for name in vectors.keys() & self.spans.keys():
            # This way to the encoder goes around the body; the mark lets balancing methods see it too.
            read = part(alias(x[0])).float()
            one, other = (read[:, start:stop] for start, stop in self.spans[name])
            near = functional.cosine_similarity(one, other, dim=1)[:, None]
            # Scores are many times the cosine: half precision would tie what lies close.
            found[name] = torch.cat([found[name].float(), near.expand(found[name].shape[0], -1)], dim=1)
        return found
