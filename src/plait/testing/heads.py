"""What every head must do."""

# ruff: noqa: D102  # The names of the tests are sentences.

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float, Int
from torch import Tensor

from plait.tasks.base import Head, TwoTower

__all__ = ["HeadContract", "TwoTowerContract"]


class HeadContract(ABC):
    """What every head with predictions must do.

    Attributes:
        width: H of the vectors it is tried on.
        alone: whether an example's loss is its own; false where a list shares it.
    """

    width: int = 8
    alone: bool = True

    @abstractmethod
    def build(self, width: int) -> Head:
        """Build the head under test."""

    @abstractmethod
    def labels(self, rows: int) -> Float[Tensor, "B L"]:
        """Make labels as prepared tables hold them; different ones among the first four rows."""

    def groups(self, rows: int) -> Int[Tensor, "B"] | None:
        """Make list numbers, where the kind needs them."""
        return None

    def made(self) -> Head:
        """Build it from a fixed seed."""
        torch.manual_seed(5)
        return self.build(self.width)

    def hidden(self, rows: int) -> Float[Tensor, "B H"]:
        """Draw task vectors."""
        return torch.randn(rows, self.width, generator=torch.Generator().manual_seed(rows))

    def test_one_loss_and_one_prediction_per_example(self) -> None:
        head = self.made()
        for rows in (0, 1, 9):
            output = head(self.hidden(rows)).float()
            losses = head.losses(output, self.labels(rows), self.groups(rows))
            assert losses.shape == (rows,)
            assert losses.isfinite().all()
            predicted = head.predict(output)
            assert predicted.shape == (rows, len(head.columns))
            assert predicted.isfinite().all()

    def test_every_parameter_learns(self) -> None:
        head = self.made()
        head.losses(head(self.hidden(32)).float(), self.labels(32), self.groups(32)).mean().backward()  # type: ignore[no-untyped-call]
        still = [name for name, p in head.named_parameters() if p.grad is None or not p.grad.any()]
        assert still == []

    def test_the_loss_falls(self) -> None:
        head = self.made()
        hidden, label, group = self.hidden(16), self.labels(16), self.groups(16)
        optimiser = torch.optim.Adam(head.parameters(), lr=0.02)
        seen: list[float] = []
        for _ in range(60):
            optimiser.zero_grad()
            loss = head.losses(head(hidden).float(), label, group).mean()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            seen.append(float(loss.detach()))
        assert sum(seen[-5:]) < 0.9 * sum(seen[:5])

    def test_an_example_does_not_depend_on_the_others(self) -> None:
        head = self.made()
        output, label = head(self.hidden(6)).float(), self.labels(6)
        assert torch.allclose(head.predict(output[2:3]), head.predict(output)[2:3], atol=1e-5)
        if self.alone:
            assert torch.allclose(
                head.losses(output[2:3], label[2:3], None), head.losses(output, label, None)[2:3], atol=1e-5
            )

    def test_finite_far_out(self) -> None:
        head = self.made()
        for size in (1e2, 1e3):
            hidden = (self.hidden(8) * size).requires_grad_()
            output = head(hidden).float()
            losses = head.losses(output, self.labels(8), self.groups(8))
            losses.sum().backward()  # type: ignore[no-untyped-call]
            assert losses.isfinite().all()
            assert head.predict(output.detach()).isfinite().all()
            assert all(p.grad is not None and p.grad.isfinite().all() for p in head.parameters())

    def test_finite_in_bfloat16(self) -> None:
        head = self.made()
        with torch.autocast("cpu", torch.bfloat16):
            output = head(self.hidden(8))
        losses = head.losses(output.float(), self.labels(8), self.groups(8))
        losses.sum().backward()  # type: ignore[no-untyped-call]
        assert losses.isfinite().all()
        assert all(p.grad is None or p.grad.isfinite().all() for p in head.parameters())


class TwoTowerContract(ABC):
    """What every head that matches rows must do.

    Attributes:
        width: H of the task vectors it is tried on.
        rows: D of the candidates' row vectors.
    """

    width: int = 8
    rows: int = 6

    @abstractmethod
    def build(self, width: int, rows: int) -> TwoTower:
        """Build the head under test."""

    def made(self) -> TwoTower:
        """Build it from a fixed seed."""
        torch.manual_seed(5)
        return self.build(self.width, self.rows)

    def placed(self, head: TwoTower, queries: int, negatives: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Return queries, candidates, items, log q and labels of a step; items are all different."""
        generator = torch.Generator().manual_seed(queries + negatives)
        query = head.query(torch.randn(queries, self.width, generator=generator))
        found = head.candidates(torch.randn(queries + negatives, self.rows, generator=generator))
        items = torch.arange(1, queries + negatives + 1)
        label = (torch.arange(queries) % 2).float()[:, None]
        return query, found, items, torch.full((len(items),), -3.0), label

    def test_one_loss_per_query_and_one_score_per_pair(self) -> None:
        head = self.made()
        for queries, negatives in ((0, 3), (1, 0), (1, 4), (5, 7)):
            step = self.placed(head, queries, negatives)
            losses = head.losses(*step)
            assert losses.shape == (queries,)
            assert losses.isfinite().all()
            assert head.scores(step[0], step[1]).shape == (queries, queries + negatives)

    def test_pair_scores_are_the_diagonal(self) -> None:
        head = self.made()
        query, found, *_ = self.placed(head, 4, 0)
        assert torch.allclose(head.pair_scores(query, found), head.scores(query, found).diagonal(), atol=1e-5)

    def test_the_right_answer_and_no_row_are_no_negatives(self) -> None:
        head = self.made()
        query, found, items, log_q, label = self.placed(head, 4, 3)
        before = head.losses(query, found, items, log_q, label)
        own = (torch.cat([found, found[:1]]), torch.cat([items, items[:1]]), torch.cat([log_q, log_q[:1]]))
        assert torch.allclose(head.losses(query, *own, label)[0], before[0], atol=1e-5)
        nothing = (torch.cat([found, found[:1]]), torch.cat([items, items[:1] * 0]), torch.cat([log_q, log_q[:1]]))
        assert torch.allclose(head.losses(query, *nothing, label), before, atol=1e-5)

    def test_every_parameter_that_may_learn_learns(self) -> None:
        head = self.made()
        head.losses(*self.placed(head, 16, 16)).mean().backward()  # type: ignore[no-untyped-call]
        still = [n for n, p in head.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())]
        assert still == []
