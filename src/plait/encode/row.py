"""All columns of one table's row, laid side by side as one vector; every task that reaches the table shares it."""

from collections.abc import Mapping
from typing import Literal, final

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn

from plait import schema
from plait.encode.ids import FusedEmbedding
from plait.encode.numbers import NumberEncoder, PiecewiseNumbers, PlainNumbers
from plait.encode.vectors import VectorEncoder
from plait.layout import FeatureLayout, TableLayout

__all__ = ["RowEncoder"]


@final
class RowEncoder(nn.Module):
    """Turn rows of one table into vectors.

        | single-valued ids and categories | many-valued ones: mean of values | numbers | texts, pictures, given embeddings |

    A many-valued category is the mean over its values in the row; a row without any is zero. Only the ids and
    categories differ between views; numbers and vectors are the same in all.

    Args:
        layout: how the prepared table looks.
        settings: the widths.
        views: how many vectors each row gets.

    Attributes:
        width: D_role, the length of the row vector.
        spans: feature name -> slice of the row vector.

    Shape:
        codes `[B, C]`, numbers `[B, F]`, vectors name -> `[B, dim]` -> `[views, B, D_role]`.
    """

    class Settings(schema.Settings):
        """How wide the parts of a row vector are."""

        width: int = Field(default=16, ge=1)
        """Length of the vector of an id or a category."""
        numbers: Literal["plain", "piecewise"] = "plain"
        """Numbers as they are, or piecewise linear between their quantiles."""
        number_width: int = Field(default=8, ge=1)
        """For `piecewise`: how many numbers each number becomes."""
        vector_width: int = Field(default=64, ge=1)
        """Length to which texts, pictures and given embeddings are projected."""

    single_slots: Tensor
    many_slots: Tensor
    many_feature: Tensor

    def __init__(self, layout: TableLayout, settings: Settings, views: int = 1) -> None:
        super().__init__()
        self.views = views
        single = [f for f in layout.features if f.kind in ("id", "category") and len(f.slots) == 1]
        many = [f for f in layout.features if f.kind in ("id", "category") and len(f.slots) > 1]
        given = [f for f in layout.features if f.kind in ("text", "image", "audio", "embedding")]
        self.many = len(many)
        self.embedding = FusedEmbedding(layout.vocabulary, settings.width, views) if single or many else None
        self.numbers = _numbers([f for f in layout.features if f.kind in ("number", "time")], settings)
        self.vectors = nn.ModuleDict({_slot(f.name): VectorEncoder(f.dim, settings.vector_width) for f in given})
        self.given = [f.name for f in given]
        self.spans, self.width = _lay(
            [(f.name, settings.width) for f in single + many],
            self.numbers,
            [(f.name, settings.vector_width) for f in given],
        )
        slots = [f.slots[0] for f in single]
        self.in_order = slots == list(range(layout.codes))
        self.register_buffer("single_slots", torch.tensor(slots, dtype=torch.int64), persistent=False)
        pairs = [(slot, number) for number, f in enumerate(many) for slot in f.slots]
        self.register_buffer("many_slots", torch.tensor([s for s, _ in pairs], dtype=torch.int64), persistent=False)
        self.register_buffer("many_feature", torch.tensor([n for _, n in pairs], dtype=torch.int64), persistent=False)

    def forward(
        self, codes: Int[Tensor, "B C"], numbers: Float[Tensor, "B F"], vectors: Mapping[str, Float[Tensor, "B _"]]
    ) -> Float[Tensor, "views B D"]:
        """Encode rows; a table without visible features gives vectors of length 0."""
        parts: list[Tensor] = []
        if self.embedding is not None and self.single_slots.shape[0]:
            single = codes if self.in_order else codes.index_select(1, self.single_slots)
            parts.append(self.embedding(single).flatten(2))
        if self.many:
            parts.append(self._pooled(codes.index_select(1, self.many_slots)))
        if self.numbers.width:
            parts.append(self._all_views(self.numbers(numbers)))
        parts += [self._all_views(self._vector(name)(vectors[name])) for name in self.given]
        if not parts:
            return numbers.new_zeros(self.views, codes.shape[0], 0)
        return torch.cat(parts, dim=-1) if len(parts) > 1 else parts[0]

    def _pooled(self, codes: Int[Tensor, "B M"]) -> Float[Tensor, "views B P"]:
        """Average the values of each many-valued feature: only what is there is looked up."""
        assert self.embedding is not None
        row, slot = (codes != 0).nonzero(as_tuple=True)
        bag = row * self.many + self.many_feature.index_select(0, slot)
        vectors = self.embedding.look_up(codes[row, slot])
        bags = codes.shape[0] * self.many
        total = vectors.new_zeros(bags, vectors.shape[1]).index_add(0, bag, vectors)
        count = torch.bincount(bag, minlength=bags).clamp(min=1)
        mean = (total / count[:, None]).view(codes.shape[0], self.many, self.views, self.embedding.width)
        return mean.permute(2, 0, 1, 3).flatten(2)

    def _vector(self, name: str) -> VectorEncoder:
        encoder = self.vectors[_slot(name)]
        assert isinstance(encoder, VectorEncoder)
        return encoder

    def _all_views(self, encoded: Float[Tensor, "B d"]) -> Float[Tensor, "views B d"]:
        return encoded[None].expand(self.views, -1, -1)

    def __call__(
        self, codes: Int[Tensor, "B C"], numbers: Float[Tensor, "B F"], vectors: Mapping[str, Float[Tensor, "B _"]]
    ) -> Float[Tensor, "views B D"]:
        """Call `forward`; declared again so that a caller gets checked types."""
        return super().__call__(codes, numbers, vectors)  # type: ignore[no-any-return]


def _numbers(features: list[FeatureLayout], settings: RowEncoder.Settings) -> NumberEncoder:
    match settings.numbers:
        case "plain":
            return PlainNumbers(features)
        case "piecewise":
            return PiecewiseNumbers(features, settings.number_width)


def _lay(
    codes: list[tuple[str, int]], numbers: NumberEncoder, vectors: list[tuple[str, int]]
) -> tuple[dict[str, tuple[int, int]], int]:
    """Return where each feature's numbers lie in the row vector, and its length."""
    spans: dict[str, tuple[int, int]] = {}
    end = 0
    for name, width in codes:
        spans[name] = (end, end + width)
        end += width
    spans |= {name: (end + start, end + stop) for name, (start, stop) in numbers.spans.items()}
    end += numbers.width
    for name, width in vectors:
        spans[name] = (end, end + width)
        end += width
    return spans, end


def _slot(name: str) -> str:
    """Turn a feature name into a module name, which may hold no dots."""
    return ":" + name.replace(".", "/")
