"""What every relation between tasks must do."""

# ruff: noqa: D102  # The names of the tests are sentences.

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from plait.layout import TaskLayout
from plait.tasks import build_head
from plait.tasks.base import Head
from plait.tasks.binary import Binary
from plait.tasks.relations.chain import Chain
from plait.tasks.relations.relation import Linked, Relation, Told

__all__ = ["RelationContract"]


class RelationContract(ABC):
    """What every relation must do, for a binary child of one or two binary parents.

    Attributes:
        width: H of the vectors it is tried on.
    """

    width: int = 8

    @abstractmethod
    def build(self, width: int, parents: int) -> Relation:
        """Build the relation under test."""

    def made(self, parents: int) -> tuple[Chain, dict[str, Head]]:
        """Build a chain of `parents` roots and one child, and its heads, from a fixed seed."""
        torch.manual_seed(5)
        roots = [f"root {number}" for number in range(parents)]
        heads: dict[str, Head] = {name: _head(self.width) for name in [*roots, "child"]}
        return Chain({"child": roots}, {"child": self.build(self.width, parents)}), heads

    def run(self, chain: Chain, heads: dict[str, Head], rows: int, size: float = 1.0) -> tuple[dict[str, Linked], Tensor]:
        """Run the chain on drawn vectors; the losses of the child come with it, for labels that are all known."""
        vectors = self.vectors(chain, rows, size)
        found: dict[str, Linked] = chain(vectors, heads)
        return found, self.losses(chain, heads, found["child"], torch.ones(rows))

    def vectors(self, chain: Chain, rows: int, size: float = 1.0) -> dict[str, Tensor]:
        """Draw a vector for each task."""
        draw = torch.Generator().manual_seed(rows)
        return {name: (torch.randn(rows, self.width, generator=draw) * size).requires_grad_() for name in chain.order}

    def losses(self, chain: Chain, heads: dict[str, Head], linked: Linked, happened: Tensor) -> Tensor:
        """Compute the child's losses."""
        relation = chain.relation("child")
        assert relation is not None
        label = (torch.arange(len(happened)) % 2).float()[:, None]
        return relation.losses(heads["child"], linked, Told(label, None, happened))

    def test_one_loss_and_one_prediction_per_example(self) -> None:
        for parents in (1, 2):
            chain, heads = self.made(parents)
            for rows in (0, 1, 9):
                found, losses = self.run(chain, heads, rows)
                assert losses.shape == (rows,)
                assert found["child"].output.shape == (rows, 1)
                assert found["child"].output.dtype == torch.float32
                assert losses.isfinite().all()

    def test_the_parents_do_not_depend_on_the_child(self) -> None:
        chain, heads = self.made(2)
        vectors = self.vectors(chain, 7)
        alone = chain({name: vector for name, vector in vectors.items() if name != "child"}, heads)
        together = chain(vectors, heads)
        assert all(torch.equal(alone[name].output, together[name].output) for name in alone)

    def test_the_order_holds_where_it_is_declared(self) -> None:
        chain, heads = self.made(2)
        relation = chain.relation("child")
        assert relation is not None
        if not relation.exact:
            return
        for size in (0.1, 10.0, 1e4):
            found, _ = self.run(chain, heads, 500, size)
            for parent in chain.parents["child"]:
                assert bool((found["child"].output <= found[parent].output).all())

    def test_it_says_whose_parts_its_loss_reaches(self) -> None:
        chain, heads = self.made(2)
        found, losses = self.run(chain, heads, 24)
        roots = chain.parents["child"]
        inputs = [found[name].vector for name in roots]
        reached = torch.autograd.grad(losses.sum(), inputs, retain_graph=True, allow_unused=True)
        assert {name for name, g in zip(roots, reached, strict=True) if g is not None} == chain.lent_vectors(heads)
        weights = [next(iter(heads[name].parameters())) for name in roots]
        reached = torch.autograd.grad(losses.sum(), weights, allow_unused=True)
        assert {name for name, g in zip(roots, reached, strict=True) if g is not None} == chain.lent_heads(heads)

    def test_every_parameter_learns(self) -> None:
        chain, heads = self.made(2)
        _, losses = self.run(chain, heads, 32)
        losses.mean().backward()  # type: ignore[no-untyped-call]
        named = [*chain.named_parameters(), *heads["child"].named_parameters()]
        assert [name for name, p in named if p.grad is None or not p.grad.any()] == []

    def test_finite_far_out_and_in_bfloat16(self) -> None:
        chain, heads = self.made(1)
        for size in (1e2, 1e3):
            _, losses = self.run(chain, heads, 8, size)
            losses.sum().backward()  # type: ignore[no-untyped-call]
            assert losses.isfinite().all()
        with torch.autocast("cpu", torch.bfloat16):
            found, losses = self.run(chain, heads, 8)
        losses.sum().backward()  # type: ignore[no-untyped-call]
        assert found["child"].output.dtype == torch.float32
        parameters = [p for module in (chain, *heads.values()) for p in module.parameters()]
        assert all(p.grad is None or bool(p.grad.isfinite().all()) for p in parameters)

    def test_an_example_does_not_depend_on_the_others(self) -> None:
        chain, heads = self.made(2)
        vectors = self.vectors(chain, 6)
        whole = chain(vectors, heads)["child"].output
        part = chain({name: vector[2:3] for name, vector in vectors.items()}, heads)["child"].output
        assert torch.allclose(whole[2:3], part, atol=1e-5)

    def test_unknown_labels_of_the_parents_break_nothing(self) -> None:
        chain, heads = self.made(1)
        found: dict[str, Linked] = chain(self.vectors(chain, 6), heads)
        losses = self.losses(chain, heads, found["child"], torch.full((6,), float("nan")))
        losses.sum().backward()  # type: ignore[no-untyped-call]
        assert losses.isfinite().all()
        assert all(p.grad is None or bool(p.grad.isfinite().all()) for head in heads.values() for p in head.parameters())


def _head(width: int) -> Head:
    settings = Binary.Settings(kind="binary", table="rows", label="y")
    head = build_head(settings, TaskLayout(name="t", kind="binary", table="rows", mean=0.3), width, [16])
    assert isinstance(head, Head)
    return head
