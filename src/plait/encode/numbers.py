"""Numbers as they are, or piecewise linear between their quantiles."""

from collections.abc import Sequence
from itertools import pairwise
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from plait.layout import FeatureLayout

__all__ = ["NumberEncoder", "PiecewiseNumbers", "PlainNumbers"]


class NumberEncoder(nn.Module):
    """Read the packed numbers of a table's rows.

    Attributes:
        width: length of the encoded vector.
        spans: feature name -> slice of the encoded vector.
    """

    width: int
    spans: dict[str, tuple[int, int]]

    def __call__(self, numbers: Float[Tensor, "B F"]) -> Float[Tensor, "B D"]:
        """Call `forward`; declared again so that a caller gets checked types."""
        return super().__call__(numbers)  # type: ignore[no-any-return]


@final
class PlainNumbers(NumberEncoder):
    """Pass the standardised numbers on, each feature's next to each other.

    Args:
        features: the number and time features of a table.

    Shape:
        `[B, F]` -> `[B, D]`, D the numbers the features name.
    """

    picks: Tensor

    def __init__(self, features: Sequence[FeatureLayout]) -> None:
        super().__init__()
        picks = [slot for feature in features for slot in feature.numbers]
        self.width = len(picks)
        self.spans = _spans([feature.name for feature in features], [len(feature.numbers) for feature in features])
        self.register_buffer("picks", torch.tensor(picks, dtype=torch.int64), persistent=False)
        self.in_order = picks == list(range(len(picks)))

    def forward(self, numbers: Float[Tensor, "B F"]) -> Float[Tensor, "B D"]:
        """Pick the numbers; a view where they already lie in order."""
        if self.in_order:
            return numbers[:, : self.width]
        return numbers.index_select(1, self.picks)


@final
class PiecewiseNumbers(NumberEncoder):
    """Encode every number piecewise linearly between its quantiles, then project each feature by itself.

    With ascending edges b_1 .. b_K of a feature, the value v becomes

        [v, m, r_1 .. r_{K-1}],   r_k = clip((v - b_k) / (b_{k+1} - b_k), 0, 1)

    where m marks a missing value, and a feature's own matrix projects that to `width` numbers: a learned function of v
    that is linear within each bin, and linear in v beyond the outer quantiles. Where the paper leaves the outermost
    bins open instead, v itself is passed on, so that an extreme value keeps its size. Features without edges (times)
    are passed on as they are.

    Args:
        features: the number and time features of a table.
        width: how many numbers each feature with edges becomes.

    Shape:
        `[B, F]` -> `[B, D]`.

    References:
        Gorishniy, Rubachev, Babenko: On Embeddings for Numerical Features in Tabular Deep Learning, NeurIPS 2022,
        https://arxiv.org/abs/2203.05556.
    """

    values: Tensor
    marks: Tensor
    low: Tensor
    scale: Tensor

    def __init__(self, features: Sequence[FeatureLayout], width: int) -> None:
        super().__init__()
        cut = [feature for feature in features if len(feature.edges) > 1]
        self.plain = PlainNumbers([feature for feature in features if len(feature.edges) <= 1])
        self.width = len(cut) * width + self.plain.width
        start = len(cut) * width
        self.spans = _spans([feature.name for feature in cut], [width] * len(cut))
        self.spans |= {name: (start + a, start + b) for name, (a, b) in self.plain.spans.items()}
        bins = max((len(feature.edges) - 1 for feature in cut), default=0)
        low, scale = torch.zeros(len(cut), bins), torch.zeros(len(cut), bins)
        for row, feature in enumerate(cut):
            edges = torch.tensor(feature.edges)
            gaps = edges[1:] - edges[:-1]
            low[row, : len(gaps)] = edges[:-1]
            scale[row, : len(gaps)] = torch.where(gaps > 0, 1 / gaps, 0)
        self.register_buffer("values", torch.tensor([f.numbers[0] for f in cut], dtype=torch.int64), persistent=False)
        marks = [f.numbers[1] if len(f.numbers) > 1 else -1 for f in cut]
        self.register_buffer("marks", torch.tensor(marks, dtype=torch.int64), persistent=False)
        self.register_buffer("low", low, persistent=False)
        self.register_buffer("scale", scale, persistent=False)
        self.weight = nn.Parameter(torch.empty(len(cut), bins + 2, width))
        self.bias = nn.Parameter(torch.zeros(len(cut), 1, width))
        bound = (bins + 2) ** -0.5
        nn.init.uniform_(self.weight, -bound, bound)

    def forward(self, numbers: Float[Tensor, "B F"]) -> Float[Tensor, "B D"]:
        """Encode all features in one batched product."""
        if self.weight.shape[0] == 0:
            return self.plain(numbers)
        value = numbers.index_select(1, self.values)
        mark = numbers.index_select(1, self.marks.clamp(min=0)) * (self.marks >= 0)
        bins = ((value[:, :, None] - self.low) * self.scale).clamp(0, 1)
        joined = torch.cat([value[:, :, None], mark[:, :, None], bins], dim=-1)
        projected = torch.baddbmm(self.bias, joined.transpose(0, 1), self.weight).transpose(0, 1).flatten(1)
        return torch.cat([projected, self.plain(numbers)], dim=1)


def _spans(names: Sequence[str], widths: Sequence[int]) -> dict[str, tuple[int, int]]:
    """Return where each name's numbers start and stop when laid side by side."""
    ends = torch.tensor([0, *widths]).cumsum(0).tolist()
    return dict(zip(names, pairwise(ends), strict=True))
