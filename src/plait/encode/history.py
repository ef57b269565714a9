"""What happened before, as one vector: attention with the candidate as query, a GRU, or a transformer."""

from abc import ABC, abstractmethod
from typing import Annotated, Literal, final

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor, nn

from plait import schema
from plait.encode.transformer import TransformerLayer

__all__ = [
    "GRU",
    "AnyHistory",
    "Attention",
    "HistoryEncoder",
    "Transformer",
    "build_history",
]


class HistoryEncoder(nn.Module, ABC):
    """Pool a sequence of item vectors, newest last, padded on the left; an empty history gives zeros.

    Shape:
        items `[B, L, W]`, mask `[B, L]` (true where there is an item), query `[B, W]` or None -> `[B, W]`; B and L may be 0.
    """

    @abstractmethod
    def forward(
        self, items: Float[Tensor, "B L W"], mask: Bool[Tensor, "B L"], query: Float[Tensor, "B W"] | None
    ) -> Float[Tensor, "B W"]:
        """Pool the items; `query` is the candidate that is asked about, where the task may see it."""

    def of_one(
        self, items: Float[Tensor, "1 L W"], mask: Bool[Tensor, "1 L"], queries: Float[Tensor, "B W"] | None
    ) -> Float[Tensor, "_ W"]:
        """Pool what one person had for many candidates: one vector each, or one for all where the candidate is not read."""
        if queries is None:
            return self(items, mask, None)
        many = queries.shape[0]
        return self(items.expand(many, -1, -1), mask.expand(many, -1), queries)

    def __call__(
        self, items: Float[Tensor, "B L W"], mask: Bool[Tensor, "B L"], query: Float[Tensor, "B W"] | None
    ) -> Float[Tensor, "B W"]:
        """Call `forward`; declared again so that a caller gets checked types."""
        return super().__call__(items, mask, query)  # type: ignore[no-any-return]


@final
class Attention(HistoryEncoder):
    """Weigh each item by how it relates to the candidate.

        a_l = u' relu(A q + C k_l + G (q * k_l) + b) + p_l,    out = sum_l softmax(a)_l k_l

    with q the query (a learned one where there is none), k_l the items, `*` the elementwise product and p_l a learned
    bias for how long ago the item was, in positions. This is the activation unit of the paper with its concatenation
    [q, k, q - k, q * k] multiplied out; where the paper leaves the weights unnormalised, softmax keeps the size
    independent of the history's length.

    Args:
        width: W.
        settings: the size of the unit.

    References:
        Zhou et al.: Deep Interest Network for Click-Through Rate Prediction, KDD 2018, https://arxiv.org/abs/1706.06978.
    """

    class Settings(schema.Settings):
        """Attention with the candidate as query."""

        kind: Literal["attention"] = "attention"
        hidden: int = Field(default=16, ge=1)
        """Units between item and weight."""
        positions: int = Field(default=512, ge=1)
        """How many positions from the newest have a bias of their own; older ones share the last."""

    def __init__(self, width: int, settings: Settings) -> None:
        super().__init__()
        self.asked = nn.Parameter(torch.randn(width) * width**-0.5)
        self.of_query = nn.Linear(width, settings.hidden)
        self.of_item = nn.Parameter(torch.empty(settings.hidden, width))
        self.of_both = nn.Parameter(torch.empty(settings.hidden, width))
        nn.init.normal_(self.of_item, std=width**-0.5)
        nn.init.normal_(self.of_both, std=width**-0.5)
        self.score = nn.Linear(settings.hidden, 1, bias=False)
        self.age = nn.Parameter(torch.zeros(settings.positions))

    def forward(
        self, items: Float[Tensor, "B L W"], mask: Bool[Tensor, "B L"], query: Float[Tensor, "B W"] | None
    ) -> Float[Tensor, "B W"]:
        """Pool by attention."""
        # (C + G diag(q)) k is C k + G (q * k) without laying q * k out for every item.
        if query is None:
            unit = self.of_item + self.of_both * self.asked
            hidden = nn.functional.linear(items, unit, self.of_query(self.asked)).relu_()
        else:
            unit = self.of_item + self.of_both * query[:, None]
            hidden = torch.bmm(items, unit.transpose(1, 2)).add_(self.of_query(query)[:, None]).relu_()
        scores = self.score(hidden).flatten(1).float() + self.age.index_select(0, _ages(items, len(self.age)))
        weights = torch.softmax(scores.masked_fill(~mask, torch.finfo(scores.dtype).min), dim=1) * mask
        pooled: Tensor = torch.bmm(weights[:, None].to(items.dtype), items).flatten(1)
        return pooled

    def of_one(
        self, items: Float[Tensor, "1 L W"], mask: Bool[Tensor, "1 L"], queries: Float[Tensor, "B W"] | None
    ) -> Float[Tensor, "_ W"]:
        """Pool by attention; what the items say to any candidate is computed once, and all candidates take one product."""
        if queries is None:
            return self(items, mask, None)
        had = items[0]
        # A q + G (q * k_l) is (A + G diag(k_l)) q: with all else as its bias, one product says everything.
        units = (self.of_query.weight + self.of_both * had[:, None]).flatten(0, 1)
        told = (self.of_query.bias + had @ self.of_item.T).flatten()
        hidden = nn.functional.linear(queries, units, told).relu().view(-1, had.shape[0], self.of_item.shape[0])
        scores = self.score(hidden).flatten(1).float() + self.age.index_select(0, _ages(items, len(self.age)))
        weights = torch.softmax(scores.masked_fill(~mask, torch.finfo(scores.dtype).min), dim=1) * mask
        return weights @ had


@final
class GRU(HistoryEncoder):
    """Read the items in order with a gated recurrent unit and keep its last state; the query is not used.

    Args:
        width: W.
        settings: layers.

    References:
        Hidasi et al.: Session-based Recommendations with Recurrent Neural Networks, ICLR 2016,
        https://arxiv.org/abs/1511.06939.
    """

    class Settings(schema.Settings):
        """A gated recurrent unit."""

        kind: Literal["gru"] = "gru"
        layers: int = Field(default=1, ge=1)
        """Recurrent layers on top of each other."""

    def __init__(self, width: int, settings: Settings) -> None:
        super().__init__()
        self.unit = nn.GRU(width, width, num_layers=settings.layers, batch_first=True)

    def forward(
        self, items: Float[Tensor, "B L W"], mask: Bool[Tensor, "B L"], query: Float[Tensor, "B W"] | None
    ) -> Float[Tensor, "B W"]:
        """Pool by recurrence; padding is never read, so the result does not depend on how much of it there is."""
        if items.shape[0] == 0 or items.shape[1] == 0:
            return items.new_zeros(items.shape[0], items.shape[2])
        if torch.compiler.is_exporting():
            return self._unrolled(items, mask)
        order = mask.int().argsort(dim=1, descending=True, stable=True)
        packed = nn.utils.rnn.pack_padded_sequence(
            items.gather(1, order[:, :, None].expand_as(items)),
            mask.sum(1).clamp(min=1).cpu(),
            batch_first=True,
            enforce_sorted=False,
        )
        state: Tensor = self.unit(packed)[1][-1]
        return state * mask.any(1)[:, None]

    def of_one(
        self, items: Float[Tensor, "1 L W"], mask: Bool[Tensor, "1 L"], queries: Float[Tensor, "B W"] | None
    ) -> Float[Tensor, "_ W"]:
        """Pool by recurrence, once for all candidates."""
        return self(items, mask, None)

    def _unrolled(self, items: Float[Tensor, "B L W"], mask: Bool[Tensor, "B L"]) -> Float[Tensor, "B W"]:
        """Do the same step by step, for graphs that know no packed sequences; padding leaves the state as it is."""
        told: list[Tensor] = list(items.unbind(1))
        state = items[:, 0] * 0
        for layer in range(self.unit.num_layers):
            of_item, of_state, item_bias, state_bias = self.unit.all_weights[layer]
            state = items[:, 0] * 0
            for place, item in enumerate(told):
                reset, update, new = nn.functional.linear(item, of_item, item_bias).chunk(3, dim=1)
                reset_too, update_too, new_too = nn.functional.linear(state, of_state, state_bias).chunk(3, dim=1)
                kept = torch.sigmoid(update + update_too)
                fresh = torch.tanh(new + torch.sigmoid(reset + reset_too) * new_too)
                state = torch.where(mask[:, place, None], (1 - kept) * fresh + kept * state, state)
                told[place] = state
        return state * mask.any(1)[:, None]


@final
class Transformer(HistoryEncoder):
    """Let the items and the candidate attend to each other and read the candidate's place.

    The query (a learned one where there is none) stands behind the newest item; layers are pre-norm; positions are
    counted from the newest, so that padding changes nothing.

    Args:
        width: W, a multiple of the heads.
        settings: layers, heads, dropout.

    References:
        Chen et al.: Behavior Sequence Transformer for E-commerce Recommendation in Alibaba, DLP-KDD 2019,
        https://arxiv.org/abs/1905.06874.
    """

    class Settings(schema.Settings):
        """A transformer."""

        kind: Literal["transformer"] = "transformer"
        layers: int = Field(default=1, ge=1)
        """Layers on top of each other."""
        heads: int = Field(default=2, ge=1)
        """Attention heads; the width is rounded up to a multiple of them inside."""
        dropout: float = Field(default=0.0, ge=0, lt=1)
        """Share of activations left out in training."""
        positions: int = Field(default=512, ge=1)
        """How many positions from the newest have a vector of their own; older ones share the last."""

    def __init__(self, width: int, settings: Settings) -> None:
        super().__init__()
        inner = -(-width // settings.heads) * settings.heads
        self.inward = nn.Linear(width, inner)
        self.outward = nn.Linear(inner, width)
        self.asked = nn.Parameter(torch.randn(width) * width**-0.5)
        self.age = nn.Parameter(torch.randn(settings.positions, inner) * 0.02)
        self.layers = nn.ModuleList(
            TransformerLayer(inner, settings.heads, settings.dropout) for _ in range(settings.layers)
        )

    def forward(
        self, items: Float[Tensor, "B L W"], mask: Bool[Tensor, "B L"], query: Float[Tensor, "B W"] | None
    ) -> Float[Tensor, "B W"]:
        """Pool by self-attention."""
        asked = self.asked.expand(items.shape[0], -1) if query is None else query
        joined = torch.cat([items, asked.to(items.dtype)[:, None]], dim=1)
        seen = torch.cat([mask, mask.new_ones(mask.shape[0], 1)], dim=1)
        hidden = self.inward(joined) + self.age.index_select(0, _ages(joined, len(self.age)))
        for layer in self.layers:
            hidden = layer(hidden, seen)
        pooled: Tensor = self.outward(hidden[:, -1])
        return pooled * mask.any(1)[:, None]


AnyHistory = Annotated[Attention.Settings | GRU.Settings | Transformer.Settings, Field(discriminator="kind")]


def build_history(settings: Attention.Settings | GRU.Settings | Transformer.Settings, width: int) -> HistoryEncoder:
    """Build the encoder that the settings describe, for item vectors of a width."""
    match settings:
        case Attention.Settings():
            return Attention(width, settings)
        case GRU.Settings():
            return GRU(width, settings)
        case Transformer.Settings():
            return Transformer(width, settings)


def _ages(items: Float[Tensor, "B L W"], most: int) -> Tensor:
    """Return how many positions each of L lies behind the newest, cut at `most - 1`."""
    length = items.shape[1]
    return torch.arange(length - 1, -1, -1, device=items.device).clamp(max=most - 1)
