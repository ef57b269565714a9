"""Numbers as they are, or as a learned function of each, piecewise linear between its quantiles."""

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
    r"""Turn every number into a learned function of it that is linear between its edges and may jump at them.

    With ascending edges b_1 .. b_K of a feature, a value v in [b_k, b_{k+1}) becomes

    .. math:: \sum_{j<k} w_j + w_k \frac{v - b_k}{b_{k+1} - b_k} + c_k + d m

    with w, c, d learned vectors and m the mark of a missing value; beyond the outermost edges it goes on in a straight line.
    The terms with w are the piecewise-linear encoding of the paper, projected; c is an embedding of the bin, which lets
    single values stand out (an amount of exactly 15,024). The sum over j is made once for a table, so that a row costs one
    lookup however many bins there are. Features without edges (times) are passed on as they are.

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
    marked: Tensor
    edges: Tensor
    bins: Tensor
    first: Tensor

    def __init__(self, features: Sequence[FeatureLayout], width: int) -> None:
        super().__init__()
        cut = [feature for feature in features if len(feature.edges) > 1]
        self.plain = PlainNumbers([feature for feature in features if len(feature.edges) <= 1])
        start = len(cut) * width
        self.width = start + self.plain.width
        self.spans = _spans([feature.name for feature in cut], [width] * len(cut))
        self.spans |= {name: (start + a, start + b) for name, (a, b) in self.plain.spans.items()}
        count = max((len(feature.edges) for feature in cut), default=0)
        edges, bins = torch.full((len(cut), count), float("inf")), torch.zeros(len(cut), count + 1, 2)
        for row, feature in enumerate(cut):
            own = torch.tensor(feature.edges)
            edges[row, : len(own)] = own
            bins[row, 0] = torch.tensor([feature.edges[0], 1.0])
            bins[row, 1 : len(own), 0] = own[:-1]
            bins[row, 1 : len(own), 1] = 1 / (own[1:] - own[:-1])
            bins[row, len(own)] = torch.tensor([feature.edges[-1], 1.0])
        marked = [row for row, feature in enumerate(cut) if len(feature.numbers) > 1]
        self.register_buffer("values", torch.tensor([f.numbers[0] for f in cut], dtype=torch.int64), persistent=False)
        self.register_buffer(
            "marks", torch.tensor([cut[row].numbers[1] for row in marked], dtype=torch.int64), persistent=False
        )
        self.register_buffer("marked", torch.tensor(marked, dtype=torch.int64), persistent=False)
        self.register_buffer("edges", edges, persistent=False)
        self.register_buffer("bins", bins.flatten(0, 1), persistent=False)
        self.register_buffer("first", torch.arange(len(cut)) * (count + 1), persistent=False)
        self.rise = nn.Parameter(torch.empty(len(cut), count + 1, width))
        self.jump = nn.Parameter(torch.empty(len(cut), count + 1, width))
        self.missing = nn.Parameter(torch.empty(len(marked), width))
        bound = (count + 1) ** -0.5
        nn.init.uniform_(self.rise, -bound, bound)
        nn.init.uniform_(self.missing, -bound, bound)
        nn.init.normal_(self.jump, std=0.1)

    def forward(self, numbers: Float[Tensor, "B F"]) -> Float[Tensor, "B D"]:
        """Find each value's bin and read the function there."""
        if self.values.shape[0] == 0:
            return self.plain(numbers)
        value = numbers.index_select(1, self.values)
        # A value equal to an edge is in the bin that starts there.
        if torch.compiler.is_exporting():  # Graphs know no search.
            place = (value[:, :, None] >= self.edges).sum(-1) + self.first
        else:
            place = torch.searchsorted(self.edges, value.T.contiguous(), right=True).T + self.first
        low, scale = self.bins.index_select(0, place.flatten()).view(*place.shape, 2).unbind(-1)
        level = self.rise.cumsum(1) - self.rise + self.jump
        table = torch.cat([level, self.rise], dim=-1).flatten(0, 1)
        level, rise = nn.functional.embedding(place, table).chunk(2, dim=-1)
        found = torch.addcmul(level, rise, ((value - low) * scale)[:, :, None])
        if self.marks.shape[0]:
            mark = numbers.index_select(1, self.marks)
            added = mark[:, :, None] * self.missing
            if torch.compiler.is_exporting():
                owner = nn.functional.one_hot(self.marked, found.shape[1]).float()
                found = found + owner.T @ added
            else:
                found = found.index_add(1, self.marked, added)
        return torch.cat([found.flatten(1), self.plain(numbers)], dim=1)


def _spans(names: Sequence[str], widths: Sequence[int]) -> dict[str, tuple[int, int]]:
    """Return where each name's numbers start and stop when laid side by side."""
    ends = torch.tensor([0, *widths]).cumsum(0).tolist()
    return dict(zip(names, pairwise(ends), strict=True))
