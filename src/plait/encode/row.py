"""All columns of one table's row, laid side by side as one vector; every task that reaches the table shares it."""

from collections.abc import Collection, Mapping
from itertools import pairwise
from typing import Literal, final

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn

from plait import schema
from plait.encode.fusion import AnyFusion, Concat, Fusion, build_fusion
from plait.encode.ids import FusedEmbedding
from plait.encode.modality import Modality, OwnColumns
from plait.encode.numbers import NumberEncoder, PiecewiseNumbers, PlainNumbers
from plait.encode.vectors import VectorEncoder
from plait.layout import FeatureLayout, TableLayout

__all__ = ["RowEncoder"]


@final
class RowEncoder(nn.Module):
    """Turn rows of one table into vectors.

        | single-valued ids and categories | many-valued ones: mean of values | numbers | texts, pictures, given embeddings |

    Where the settings ask for a fusion, and the table has texts, pictures, sounds or given vectors, their places at the end
    are taken by one vector, in which they and all other columns together are mixed; these stay in their places as well.

    A many-valued category is the mean over its values in the row; a row without any is zero. Only the ids and
    categories differ between views; numbers and vectors are the same in all.

    Args:
        layout: how the prepared table looks.
        settings: the widths.
        views: how many vectors each row gets.

    Attributes:
        width: D_role, the length of the row vector.
        spans: feature name -> slice of the row vector; features that are mixed share one called `table.<mixed>`.

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
        """Length to which texts, pictures, sounds and given embeddings are projected."""
        sound_width: int = Field(default=128, ge=1)
        """Length of what a network of the model makes of a sound, before it is projected."""
        fusion: AnyFusion = Concat.Settings()
        """How texts, pictures, sounds and given vectors come together."""

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
        self.vectors = nn.ModuleDict({_slot(f.name): _vector_encoder(f, settings) for f in given})
        self.given = [f.name for f in given]
        spans, own = _lay([(f.name, settings.width) for f in single + many], self.numbers)
        self.fusion = build_fusion(settings.fusion, len(given) + (own > 0), settings.vector_width) if given else None
        self.own = OwnColumns(spans, own, settings.vector_width) if self.fusion is not None and own else None
        apart = given if self.fusion is None else []
        ends = [own + settings.vector_width * number for number in range(len(apart) + 1)]
        self.spans = spans | {f.name: span for f, span in zip(apart, pairwise(ends), strict=True)}
        if self.fusion is not None:
            self.spans[f"{layout.name}.<mixed>"] = (own, own + settings.vector_width)
        self.width = ends[-1] if self.fusion is None else own + settings.vector_width
        slots = [f.slots[0] for f in single]
        self.in_order = slots == list(range(layout.codes))
        self.register_buffer("single_slots", torch.tensor(slots, dtype=torch.int64), persistent=False)
        pairs = [(slot, number) for number, f in enumerate(many) for slot in f.slots]
        self.register_buffer("many_slots", torch.tensor([s for s, _ in pairs], dtype=torch.int64), persistent=False)
        self.register_buffer("many_feature", torch.tensor([n for _, n in pairs], dtype=torch.int64), persistent=False)

    @property
    def mixes(self) -> bool:
        """Whether features are mixed inside, so that what a task may not see must be left out before."""
        return self.fusion is not None

    def stay_as_given(self, feature: str) -> None:
        """Let a text, or another vector, be read as it came, and not by a projection that is learned."""
        encoder = self.vectors[_slot(feature)]
        assert isinstance(encoder, VectorEncoder)
        encoder.stay_as_given()

    def forward(
        self,
        codes: Int[Tensor, "B C"],
        numbers: Float[Tensor, "B F"],
        vectors: Mapping[str, Float[Tensor, "B _"]],
        hidden: Collection[str] = (),
    ) -> Float[Tensor, "views B D"]:
        """Encode rows; a table without visible features gives vectors of length 0.

        Args:
            codes: of ids and categories.
            numbers: standardised.
            vectors: by feature.
            hidden: features that leave no trace where modalities are mixed; their own places are left as they are.
        """
        parts: list[Tensor] = []
        if self.embedding is not None and self.single_slots.shape[0]:
            single = codes if self.in_order else codes.index_select(1, self.single_slots)
            parts.append(self.embedding(single).flatten(2))
        if self.many:
            parts.append(self._pooled(codes.index_select(1, self.many_slots)))
        if self.numbers.width:
            parts.append(self._all_views(self.numbers(numbers)))
        if self.fusion is None:
            parts += [self._all_views(self._encoded(name, vectors[name])) for name in self.given]
        else:
            parts.append(self._fused(self.fusion, parts, vectors, hidden))
        if not parts:
            return numbers.new_zeros(self.views, codes.shape[0], 0)
        return torch.cat(parts, dim=-1) if len(parts) > 1 else parts[0]

    def _fused(
        self,
        fusion: Fusion,
        own: list[Float[Tensor, "views B _"]],
        vectors: Mapping[str, Float[Tensor, "B _"]],
        hidden: Collection[str],
    ) -> Float[Tensor, "views B W"]:
        """Mix all modalities of the rows."""
        found = [self._modality(name)(vectors[name], name in hidden) for name in self.given]
        parts = [self._all_views(part) for part, _ in found]
        there = [mask for _, mask in found]
        if self.own is not None:
            parts.insert(0, self.own(torch.cat(own, dim=-1), hidden).to(parts[0].dtype))
            there.insert(0, torch.ones_like(there[0]))
        stacked = torch.stack(parts, dim=2)
        mixed = fusion(stacked.flatten(0, 1), torch.stack(there, dim=1).repeat(self.views, 1))
        return mixed.view(self.views, stacked.shape[1], mixed.shape[-1])

    def _pooled(self, codes: Int[Tensor, "B M"]) -> Float[Tensor, "views B P"]:
        """Average the values of each many-valued feature: only what is there is looked up."""
        assert self.embedding is not None
        if torch.compiler.is_exporting():
            return self._pooled_dense(self.embedding, codes)
        row, slot = (codes != 0).nonzero(as_tuple=True)
        bag = row * self.many + self.many_feature.index_select(0, slot)
        vectors = self.embedding.look_up(codes[row, slot])
        bags = codes.shape[0] * self.many
        total = vectors.new_zeros(bags, vectors.shape[1]).index_add(0, bag, vectors)
        count = torch.bincount(bag, minlength=bags).clamp(min=1)
        mean = (total / count[:, None]).view(codes.shape[0], self.many, self.views, self.embedding.width)
        return mean.permute(2, 0, 1, 3).flatten(2)

    def _pooled_dense(self, embedding: FusedEmbedding, codes: Int[Tensor, "B M"]) -> Float[Tensor, "views B P"]:
        """Do the same with what is not there looked up too, for graphs, whose shapes depend on no value."""
        there = (codes != 0).float()
        vectors = embedding.look_up(codes.flatten()).view(*codes.shape, -1) * there[:, :, None]
        owner = nn.functional.one_hot(self.many_feature, self.many).float()
        mean = (owner.T @ vectors) / (there @ owner).clamp(min=1)[:, :, None]
        return mean.view(-1, self.many, self.views, embedding.width).permute(2, 0, 1, 3).flatten(2)

    def _modality(self, name: str) -> Modality:
        encoder = self.vectors[_slot(name)]
        assert isinstance(encoder, Modality)
        return encoder

    def _encoded(self, name: str, vector: Float[Tensor, "B _"]) -> Float[Tensor, "B W"]:
        """Read a vector feature."""
        encoder = self.vectors[_slot(name)]
        if isinstance(encoder, Modality):
            return encoder(vector)[0]
        assert isinstance(encoder, VectorEncoder)
        return encoder(vector)

    def _all_views(self, encoded: Float[Tensor, "B d"]) -> Float[Tensor, "views B d"]:
        return encoded[None].expand(self.views, -1, -1)

    def __call__(
        self,
        codes: Int[Tensor, "B C"],
        numbers: Float[Tensor, "B F"],
        vectors: Mapping[str, Float[Tensor, "B _"]],
        hidden: Collection[str] = (),
    ) -> Float[Tensor, "views B D"]:
        """Call `forward`; declared again so that a caller gets checked types."""
        return super().__call__(codes, numbers, vectors, hidden)  # type: ignore[no-any-return]


def _vector_encoder(feature: FeatureLayout, settings: RowEncoder.Settings) -> VectorEncoder | Modality:
    """Build what reads a vector feature; it tells rows without one apart where files may be missing or a fusion asks."""
    encoder = VectorEncoder(settings.sound_width if feature.shape else feature.dim, settings.vector_width)
    plain = isinstance(settings.fusion, Concat.Settings) and settings.fusion.dropout == 0
    if plain and feature.kind in ("text", "embedding"):
        return encoder
    return Modality(encoder, settings.vector_width, settings.fusion.dropout)


def _numbers(features: list[FeatureLayout], settings: RowEncoder.Settings) -> NumberEncoder:
    match settings.numbers:
        case "plain":
            return PlainNumbers(features)
        case "piecewise":
            return PiecewiseNumbers(features, settings.number_width)


def _lay(codes: list[tuple[str, int]], numbers: NumberEncoder) -> tuple[dict[str, tuple[int, int]], int]:
    """Return where the numbers of ids, categories and numbers lie in the row vector, and how long they are together."""
    spans: dict[str, tuple[int, int]] = {}
    end = 0
    for name, width in codes:
        spans[name] = (end, end + width)
        end += width
    spans |= {name: (end + start, end + stop) for name, (start, stop) in numbers.spans.items()}
    return spans, end + numbers.width


def _slot(name: str) -> str:
    """Turn a feature name into a module name, which may hold no dots."""
    return ":" + name.replace(".", "/")
