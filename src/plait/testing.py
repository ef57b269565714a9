"""Contract suites for those who write a part of their own: inherit, say how it is built, and pytest runs the rest.

    from plait.testing import SharingContract

    class TestMine(SharingContract):
        def build(self, width_in: int, tasks: int) -> Sharing:
            return Mine(width_in, tasks)

All built-in parts pass the same suites.
"""

# ruff: noqa: D102  # The names of the tests are sentences.

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from plait.balance.base import Balancer
from plait.share.base import Sharing
from plait.tasks.base import Head, TwoTower

__all__ = ["BalancerContract", "HeadContract", "SharingContract", "TwoTowerContract"]


class SharingContract(ABC):
    """What every body must do.

    Attributes:
        width_in: D of the inputs it is tried on.
    """

    width_in: int = 12

    @abstractmethod
    def build(self, width_in: int, tasks: int) -> Sharing:
        """Build the body under test for a width and a number of tasks."""

    def made(self, tasks: int) -> Sharing:
        """Build it from a fixed seed."""
        torch.manual_seed(5)
        return self.build(self.width_in, tasks)

    def input(self, sharing: Sharing, rows: int) -> Float[Tensor, "views B D"]:
        """Draw a joint input."""
        generator = torch.Generator().manual_seed(rows)
        return torch.randn(sharing.views, rows, self.width_in, generator=generator)

    def test_one_vector_per_task_and_example(self) -> None:
        for tasks in (1, 3):
            sharing = self.made(tasks)
            for rows in (0, 1, 5):
                out = sharing(self.input(sharing, rows), range(tasks))
                assert out.shape == (tasks, rows, sharing.width)
                assert out.isfinite().all()

    def test_asking_for_some_tasks_gives_their_rows(self) -> None:
        sharing = self.made(4).eval()
        x = self.input(sharing, 5)
        every = sharing(x, range(4))
        for tasks in ([2], [3, 0], [1, 2, 3]):
            assert torch.allclose(sharing(x, tasks), every[tasks], atol=1e-5)

    def test_an_example_does_not_depend_on_the_others(self) -> None:
        sharing = self.made(2).eval()
        x = self.input(sharing, 5)
        assert torch.allclose(sharing(x[:, 3:4], [0, 1]), sharing(x, [0, 1])[:, 3:4], atol=1e-5)

    def test_every_parameter_learns(self) -> None:
        sharing = self.made(3)
        x = self.input(sharing, 64)
        for _ in range(2):  # What starts at zero may hide what lies before it from the first gradient.
            sharing.zero_grad()
            (sharing(x, range(3)) * torch.randn(3, 64, sharing.width)).sum().backward()  # type: ignore[no-untyped-call]
            _step(sharing.parameters())
        still = [name for name, p in sharing.named_parameters() if p.grad is None or not p.grad.any()]
        assert still == []

    def test_the_input_gets_a_gradient(self) -> None:
        sharing = self.made(2)
        x = self.input(sharing, 8).requires_grad_()
        sharing(x, [0, 1]).sum().backward()  # type: ignore[no-untyped-call]
        assert x.grad is not None
        assert x.grad.isfinite().all()
        assert x.grad.any()

    def test_own_parameters_belong_to_one_task(self) -> None:
        sharing = self.made(3)
        known = {id(p) for p in sharing.parameters()}
        own = [{id(p) for p in sharing.own(task)} for task in range(3)]
        assert all(some <= known for some in own)
        assert not own[0] & own[1] | own[0] & own[2] | own[1] & own[2]
        sharing(self.input(sharing, 8), range(3))[0].sum().backward()  # type: ignore[no-untyped-call]
        for task in (1, 2):
            assert all(p.grad is None or not p.grad.any() for p in sharing.own(task)), "a task moved what is another's own"

    def test_finite_in_bfloat16(self) -> None:
        sharing = self.made(3)
        x = self.input(sharing, 16).requires_grad_()
        with torch.autocast("cpu", torch.bfloat16):
            out = sharing(x, range(3))
        out.float().square().mean().backward()  # type: ignore[no-untyped-call]
        assert out.isfinite().all()
        assert all(p.grad is None or p.grad.isfinite().all() for p in sharing.parameters())
        exact = self.made(3).eval()(x, range(3))
        assert torch.allclose(sharing.eval()(x, range(3)), exact, atol=1e-5)

    def test_the_same_seed_gives_the_same_numbers(self) -> None:
        first, second = self.made(2), self.made(2)
        x = self.input(first, 8)
        torch.manual_seed(9)
        one = first(x, [0, 1])
        torch.manual_seed(9)
        assert torch.equal(one, second(x, [0, 1]))

    def test_shapes_hold_on_the_meta_device(self) -> None:
        sharing = self.made(3).to("meta").eval()
        with torch.no_grad():
            assert sharing(self.input(sharing, 7).to("meta"), [2, 1]).shape == (2, 7, sharing.width)

    def test_gates_are_shares(self) -> None:
        sharing = self.made(3).eval()
        for rows in (1, 6):
            for level in sharing.gates(self.input(sharing, rows), [2, 0]).values():
                assert level.shape[0] == 2
                assert torch.allclose(level.sum(1), torch.ones(2), atol=1e-5)
                assert not level.requires_grad
        assert all(level.isfinite().all() for level in sharing.gates(self.input(sharing, 0), [1]).values())


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


class BalancerContract(ABC):
    """What every balancer must do, on a trunk of one matrix with looked-up rows and a vector per task."""

    @abstractmethod
    def build(self, tasks: int) -> Balancer:
        """Build the balancer under test, all tasks with the weight 1."""

    def test_one_task_is_plain_training(self) -> None:
        trunk, heads = _problem(1)
        losses = _losses(trunk, heads)
        plain = torch.autograd.grad(losses[0], [*trunk, heads[0]], retain_graph=True)
        weights = self.build(1).backward(losses, torch.ones(1, dtype=torch.bool), trunk, [[heads[0]]])
        assert weights.shape == (1,)
        assert weights[0] > 0
        for tensor, gradient in zip([*trunk, heads[0]], plain, strict=True):
            assert tensor.grad is not None
            near = torch.nn.functional.cosine_similarity(tensor.grad.flatten(), gradient.flatten(), dim=0)
            assert abs(float(near) - 1) < 1e-4

    def test_the_order_of_tasks_does_not_matter(self) -> None:
        found = []
        for order in ([0, 1, 2], [2, 0, 1]):
            trunk, heads = _problem(3)
            torch.manual_seed(1)
            losses = _losses(trunk, heads)[order]
            weights = self.build(3).backward(losses, torch.ones(3, dtype=torch.bool), trunk, [[heads[t]] for t in order])
            found.append((weights, [tensor.grad for tensor in trunk]))
        assert torch.allclose(found[0][0][[2, 0, 1]], found[1][0], atol=1e-4)
        for one, two in zip(found[0][1], found[1][1], strict=True):
            assert one is not None
            assert two is not None
            assert torch.allclose(one, two, atol=1e-4)

    def test_a_task_that_is_not_present_takes_no_part(self) -> None:
        trunk, heads = _problem(3)
        present = torch.tensor([True, False, True])
        weights = self.build(3).backward(_losses(trunk, heads, [0, 2]), present, trunk, [[head] for head in heads])
        assert weights[1] == 0
        assert heads[1].grad is None or not heads[1].grad.any()
        assert weights.isfinite().all()
        assert all(tensor.grad is not None and tensor.grad.isfinite().all() for tensor in trunk)

    def test_no_task_present_moves_nothing(self) -> None:
        trunk, heads = _problem(2)
        weights = self.build(2).backward(torch.zeros(2), torch.zeros(2, dtype=torch.bool), trunk, [[head] for head in heads])
        assert not weights.any()
        assert all(tensor.grad is None or not tensor.grad.any() for tensor in [*trunk, *heads])

    def test_a_loss_that_is_not_finite_is_seen(self) -> None:
        trunk, heads = _problem(2)
        losses = torch.stack([_losses(trunk, heads)[0], _losses(trunk, heads)[1] * float("nan")])
        try:
            self.build(2).backward(losses, torch.ones(2, dtype=torch.bool), trunk, [[head] for head in heads])
        except (ValueError, ArithmeticError):
            return
        assert any(t.grad is not None and not t.grad.isfinite().all() for t in [*trunk, *heads]), "it went by in silence"

    def test_a_task_with_no_gradient_breaks_nothing(self) -> None:
        trunk, heads = _problem(3)
        losses = _losses(trunk, heads)
        losses = torch.stack([losses[0], losses[1] * 0, losses[2]])
        weights = self.build(3).backward(losses, torch.ones(3, dtype=torch.bool), trunk, [[head] for head in heads])
        assert weights.isfinite().all()
        assert all(t.grad is None or t.grad.isfinite().all() for t in [*trunk, *heads])

    def test_gradients_add_to_what_is_there(self) -> None:
        def run(times: int) -> Tensor:
            trunk, heads = _problem(2)
            balancer = self.build(2)
            for _ in range(times):
                losses = _losses(trunk, heads)
                balancer.backward(losses, torch.ones(2, dtype=torch.bool), trunk, [[head] for head in heads])
            gradient = trunk[0].grad
            assert gradient is not None
            return gradient

        assert torch.allclose(run(2), 2 * run(1), rtol=1e-3, atol=1e-5)

    def test_weights_are_for_the_log(self) -> None:
        trunk, heads = _problem(2)
        balancer = self.build(2)
        weights = balancer.backward(_losses(trunk, heads), torch.ones(2, dtype=torch.bool), trunk, [[h] for h in heads])
        assert not weights.requires_grad
        balancer.after_step(lambda: torch.zeros(2))


def _problem(tasks: int) -> tuple[list[Tensor], list[nn.Parameter]]:
    """Return the shared leaves (a matrix, looked-up rows) and one vector per task, always the same."""
    generator = torch.Generator().manual_seed(11)
    matrix = nn.Parameter(torch.randn(6, 4, generator=generator))
    rows = torch.randn(5, 6, generator=generator).requires_grad_()
    return [matrix, rows], [nn.Parameter(torch.randn(4, generator=generator)) for _ in range(tasks)]


def _losses(trunk: Sequence[Tensor], heads: Sequence[Tensor], which: Sequence[int] | None = None) -> Float[Tensor, "T"]:
    """Return the mean loss of each task, 0 and without gradient for those not asked for."""
    hidden = trunk[1] @ trunk[0]
    chosen = range(len(heads)) if which is None else which
    return torch.stack(
        [
            (hidden @ head - number).square().mean() if number in chosen else torch.zeros(())
            for number, head in enumerate(heads)
        ]
    )


def _step(parameters: Iterator[nn.Parameter]) -> None:
    """Go a little down the gradient."""
    with torch.no_grad():
        for parameter in parameters:
            if parameter.grad is not None:
                parameter.sub_(0.01 * parameter.grad)
