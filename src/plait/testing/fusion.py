"""What every fusion of modalities must do."""

# ruff: noqa: D102  # The names of the tests are sentences.

from abc import ABC, abstractmethod

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from plait.encode.fusion import Fusion

__all__ = ["FusionContract"]


class FusionContract(ABC):
    """What every fusion of modalities must do.

    Attributes:
        parts: M, how many modalities it is tried on.
        width: W of their vectors.
    """

    parts: int = 3
    width: int = 8

    @abstractmethod
    def build(self, parts: int, width: int) -> Fusion:
        """Build the fusion under test."""

    def made(self) -> Fusion:
        """Build it from a fixed seed, in evaluation mode."""
        torch.manual_seed(5)
        return self.build(self.parts, self.width).eval()

    def rows(self, count: int) -> tuple[Float[Tensor, "B M W"], Bool[Tensor, "B M"]]:
        """Draw modalities, of which some are missing."""
        draw = torch.Generator().manual_seed(count)
        there = torch.rand(count, self.parts, generator=draw) < 0.7
        return torch.randn(count, self.parts, self.width, generator=draw), there

    def test_one_vector_per_row(self) -> None:
        fusion = self.made()
        for count in (0, 1, 9):
            found = fusion(*self.rows(count))
            assert found.shape == (count, self.width)
            assert found.isfinite().all()

    def test_a_row_does_not_depend_on_the_others(self) -> None:
        fusion = self.made()
        parts, there = self.rows(6)
        found = fusion(parts, there)
        for row in range(6):
            torch.testing.assert_close(fusion(parts[row : row + 1], there[row : row + 1])[0], found[row])

    def test_it_matters_what_is_there(self) -> None:
        fusion = self.made()
        parts, there = self.rows(6)
        whole = fusion(parts, torch.ones_like(there))
        for number in range(self.parts):
            without = torch.ones_like(there)
            without[:, number] = False
            assert not torch.allclose(fusion(parts, without), whole)

    def test_where_nothing_is_there_the_vectors_of_what_is_missing_are_read(self) -> None:
        fusion = self.made()
        parts, there = self.rows(4)
        found = fusion(parts, torch.zeros_like(there))
        assert found.isfinite().all()
        assert not torch.allclose(found, fusion(parts.flip(2), torch.zeros_like(there)))

    def test_every_parameter_learns(self) -> None:
        fusion = self.made().train()
        parts, there = self.rows(32)
        (fusion(parts, there) * torch.randn(32, self.width, generator=torch.Generator().manual_seed(1))).sum().backward()  # type: ignore[no-untyped-call]
        still = [name for name, p in fusion.named_parameters() if p.grad is None or not p.grad.any()]
        assert still == []

    def test_bfloat16_changes_little(self) -> None:
        fusion = self.made()
        parts, there = self.rows(5)
        with torch.autocast("cpu", torch.bfloat16):
            rough = fusion(parts, there)
        torch.testing.assert_close(rough.float(), fusion(parts, there), atol=0.1, rtol=0.1)
