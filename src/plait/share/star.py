"""A shared centre network and a part per domain, multiplied weight by weight."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, final

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn

from plait.errors import RecipeError, nearest
from plait.share.base import Inputs, Sharing, SharingSettings
from plait.share.expert import cast_once, drawn, layers
from plait.share.parting import part
from plait.share.partition import PartitionedNorm

__all__ = ["STAR"]


@final
class STAR(Sharing):
    """Give every domain a network of its own that departs from a shared one; all tasks read its result.

        a^0 = partitioned_norm(x),    a^l = relu((W^l * (1 + V_p^l)) a^{l-1} + b^l + c_p^l),    h_t = a^L + aux(x, e_p)

    with p the domain of the example, W and b the centre, V_p and c_p what the domain multiplies and adds, 0 at the start and
    drawn back to 0 by weight decay, e_p a learned vector of the domain, and aux a small network that sees the domain at
    once. An unknown domain (also one not seen in training) is served by the centre alone.

    Rows are sorted by domain, and each domain in the batch takes one product per layer.

    Args:
        inputs: the joint input, which knows how many domains there are.
        tasks: T.
        settings: the domain and the layers.

    Raises:
        RecipeError: the domain is no id or category with one value.

    References:
        Sheng et al.: One Model to Serve All: Star Topology Adaptive Recommender for Multi-Domain CTR Prediction, CIKM 2021,
        https://arxiv.org/abs/2101.11427.

    Relations:
        It parts domains, not tasks: the tasks share everything before their towers as in `SharedBottom`. `PEPNet` parts
        both by gates and holds no weights per domain; prefer it for hundreds of domains or more.

    Notes:
        The paper adds the auxiliary network's logit to the main one's; there are several tasks here, so its vector is added
        to theirs. For the moments of the normalisation see `PartitionedNorm`.
    """

    class Settings(SharingSettings):
        """A centre for all domains and a part for each."""

        kind: Literal["star"] = "star"
        domain: str
        """`table.column` of the id or category that says which domain an example is of."""
        layers: list[int] = Field(default=[256, 128], min_length=1)
        """Layer widths."""
        auxiliary: int = Field(default=16, ge=0)
        """Width of the auxiliary network's hidden layer; 0 for no such network."""
        dropout: float = Field(default=0.0, ge=0, lt=1)
        """Share of activations left out in training."""

        def named_features(self) -> list[str]:
            """Return the domain."""
            return [self.domain]

        def build(self, inputs: Inputs, tasks: int) -> Sharing:
            """Build the body."""
            return STAR(inputs, tasks, self)

    def __init__(self, inputs: Inputs, tasks: int, settings: Settings) -> None:
        super().__init__()
        self.tasks = tasks
        self.width = settings.layers[-1]
        self.domain = settings.domain
        domains = _domains(inputs, settings.domain)
        sizes = [inputs.width, *settings.layers]
        self.norm = PartitionedNorm(inputs.width, domains)
        self.layers = nn.ModuleList(_StarLayer(before, after, domains - 1) for before, after in pairwise(sizes))
        self.dropout = nn.Dropout(settings.dropout)
        self.auxiliary = _Auxiliary(inputs.width, domains, settings.auxiliary, self.width) if settings.auxiliary else None

    def forward(
        self, x: Float[Tensor, "views B D"], tasks: Sequence[int], domains: Int[Tensor, "B"] | None = None
    ) -> Float[Tensor, "t B H"]:
        """Run the network of each example's domain; the tasks get views of one result."""
        where = torch.zeros(x.shape[1], dtype=torch.int64, device=x.device) if domains is None else domains
        hidden = self._by_domain(cast_once(self.norm(x[0], where)), where)
        if self.auxiliary is not None:
            hidden = hidden + self.auxiliary(cast_once(x[0]), where)
        return part(hidden).expand(len(tasks), -1, -1)

    def _by_domain(self, x: Float[Tensor, "B D"], domains: Int[Tensor, "B"]) -> Float[Tensor, "B H"]:
        """Sort by domain, run each domain's rows through its layers, and put them back in place."""
        if x.is_meta:  # There are shapes only, and no domains to sort by.
            return self._network(x, 0, [layer.parts() for layer in self._layers()])
        parts = [layer.parts() for layer in self._layers()]
        if torch.compiler.is_exporting():  # A graph cannot branch on what it reads, so all domains are computed.
            every = torch.stack([self._network(x, domain, parts) for domain in range(len(parts[0][0]) + 1)], dim=1)
            return every.gather(1, domains[:, None, None].expand(-1, 1, every.shape[2]))[:, 0]
        order = domains.argsort(stable=True)
        counts = torch.bincount(domains).tolist()
        rows = torch.split(x.index_select(0, order), counts or [0])
        found = [self._network(some, domain, parts) for domain, some in enumerate(rows) if len(some) or not counts]
        back = torch.empty_like(order).index_copy_(0, order, torch.arange(len(order), device=order.device))
        return torch.cat(found).index_select(0, back)

    def _network(self, x: Tensor, domain: int, parts: Sequence[tuple[Sequence[Tensor], Sequence[Tensor]]]) -> Tensor:
        for layer, (weights, biases) in zip(self._layers(), parts, strict=True):
            known = domain > 0
            x = layer(x, weights[domain - 1] if known else None, biases[domain - 1] if known else None)
            x = self.dropout(torch.relu(x))
        return x

    def _layers(self) -> list["_StarLayer"]:
        return [layer for layer in self.layers if isinstance(layer, _StarLayer)]


class _StarLayer(nn.Module):
    """One linear layer of the centre, and what each domain multiplies and adds."""

    def __init__(self, before: int, after: int, domains: int) -> None:
        super().__init__()
        self.centre = drawn(before, after)
        self.factor = nn.Parameter(torch.zeros(domains, after, before))
        self.domain_bias = nn.Parameter(torch.zeros(domains, after))

    def parts(self) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Return the domains' departures, taken apart at once: each alone would cost a gradient of the size of all."""
        return self.factor.unbind(0), self.domain_bias.unbind(0)

    def forward(self, x: Float[Tensor, "n D"], factor: Tensor | None, bias: Tensor | None) -> Float[Tensor, "n H"]:
        """Apply the centre, as the domain changes it."""
        if factor is None or bias is None:
            return nn.functional.linear(x, self.centre.weight, self.centre.bias)
        return nn.functional.linear(x, self.centre.weight * (1 + factor), self.centre.bias + bias)


class _Auxiliary(nn.Module):
    """A small network over the input and a vector of the domain."""

    def __init__(self, width: int, domains: int, hidden: int, out: int) -> None:
        super().__init__()
        self.vectors = nn.Embedding(domains, hidden, padding_idx=0)
        self.inner = layers(width + hidden, [hidden], 0.0)
        self.last = nn.Linear(hidden, out)

    def forward(self, x: Float[Tensor, "B D"], domains: Int[Tensor, "B"]) -> Float[Tensor, "B H"]:
        """Read the input beside the domain."""
        out: Tensor = self.last(self.inner(torch.cat([x, self.vectors(domains).to(x.dtype)], dim=1)))
        return out


def _domains(inputs: Inputs, domain: str) -> int:
    size = inputs.sizes.get(domain)
    if size is None:
        raise RecipeError(
            "`model.sharing.domain` should be an id or a category with one value, as `table.column`, since every value gets "
            f"a part of its own. Found `{domain}`.{nearest(domain, sorted(inputs.sizes))}"
        )
    return max(size, 2)
