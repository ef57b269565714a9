"""What every body must do."""

# ruff: noqa: D102  # The names of the tests are sentences.

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge

from plait.balance.graph.walk import behind, loss_edges, nearest
from plait.share.base import Sharing

__all__ = ["SharingContract"]


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

    def call(self, sharing: Sharing, x: Float[Tensor, "views B D"], tasks: Sequence[int]) -> Float[Tensor, "t B H"]:
        """Call the body; where it asks for domains, an example's own input says which of three it is from."""
        domains = None if sharing.domain is None else (x[0].sum(1) > 0).long() + (x[0, :, 0] > 0).long()
        return sharing(x, tasks, domains)

    def test_one_vector_per_task_and_example(self) -> None:
        for tasks in (1, 3):
            sharing = self.made(tasks)
            for rows in (0, 1, 5):
                out = self.call(sharing, self.input(sharing, rows), range(tasks))
                assert out.shape == (tasks, rows, sharing.width)
                assert out.isfinite().all()

    def test_asking_for_some_tasks_gives_their_rows(self) -> None:
        sharing = self.made(4).eval()
        x = self.input(sharing, 5)
        every = self.call(sharing, x, range(4))
        for tasks in ([2], [3, 0], [1, 2, 3]):
            assert torch.allclose(self.call(sharing, x, tasks), every[tasks], atol=1e-5)

    def test_an_example_does_not_depend_on_the_others(self) -> None:
        sharing = self.made(2).eval()
        x = self.input(sharing, 5)
        assert torch.allclose(self.call(sharing, x[:, 3:4], [0, 1]), self.call(sharing, x, [0, 1])[:, 3:4], atol=1e-5)

    def test_every_parameter_learns(self) -> None:
        sharing = self.made(3)
        x = self.input(sharing, 64)
        for _ in range(2):  # What starts at zero may hide what lies before it from the first gradient.
            sharing.zero_grad()
            (self.call(sharing, x, range(3)) * torch.randn(3, 64, sharing.width)).sum().backward()  # type: ignore[no-untyped-call]
            _step(sharing.parameters())
        still = [name for name, p in sharing.named_parameters() if p.grad is None or not p.grad.any()]
        assert still == []

    def test_the_input_gets_a_gradient(self) -> None:
        sharing = self.made(2)
        x = self.input(sharing, 8).requires_grad_()
        self.call(sharing, x, [0, 1]).sum().backward()  # type: ignore[no-untyped-call]
        assert x.grad is not None
        assert x.grad.isfinite().all()
        assert x.grad.any()

    def test_own_parameters_belong_to_one_task(self) -> None:
        sharing = self.made(3)
        known = {id(p) for p in sharing.parameters()}
        own = [{id(p) for p in sharing.own(task)} for task in range(3)]
        assert all(some <= known for some in own)
        assert not own[0] & own[1] | own[0] & own[2] | own[1] & own[2]
        self.call(sharing, self.input(sharing, 8), range(3))[0].sum().backward()  # type: ignore[no-untyped-call]
        for task in (1, 2):
            assert all(p.grad is None or not p.grad.any() for p in sharing.own(task)), "a task moved what is another's own"

    def test_what_one_task_alone_reads_is_its_own(self) -> None:
        sharing = _moved(self.made(3))
        found = self.call(sharing, self.input(sharing, 64), range(3))
        named = dict(sharing.named_parameters())
        grads = [
            torch.autograd.grad(vector.sum(), list(named.values()), retain_graph=True, allow_unused=True) for vector in found
        ]
        own = [{id(p) for p in sharing.own(task)} for task in range(3)]
        for (name, parameter), of_tasks in zip(named.items(), zip(*grads, strict=True), strict=True):
            readers = [task for task, grad in enumerate(of_tasks) if grad is not None and grad.any()]
            owners = [task for task in range(3) if id(parameter) in own[task]]
            assert owners == (readers if len(readers) == 1 else []), f"tasks {readers} read `{name}`, {owners} own it"

    def test_the_marks_hold_all_that_tasks_share(self) -> None:
        sharing = _moved(self.made(3))
        x = self.input(sharing, 16).requires_grad_()
        own = {id(p) for task in range(3) for p in sharing.own(task)}
        common = [x, *(p for p in sharing.parameters() if id(p) not in own)]
        roots, places, at_places = self.parted(sharing, x, own)
        for root, grads in zip(roots, at_places, strict=True):
            true = torch.autograd.grad([root], common, retain_graph=True, allow_unused=True)
            reached = [(place, grad) for place, grad in zip(places, grads, strict=True) if grad is not None]
            again = torch.autograd.grad(
                [place for place, _ in reached], common, [grad for _, grad in reached], retain_graph=True, allow_unused=True
            )
            for tensor, one, two in zip(common, true, again, strict=True):
                zero = torch.zeros_like(tensor)
                assert torch.allclose(zero if one is None else one, zero if two is None else two, rtol=1e-3, atol=1e-5)

    def test_at_the_marks_the_tasks_are_seen_to_meet(self) -> None:
        sharing = _moved(self.made(3))
        own = {id(p) for task in range(3) for p in sharing.own(task)}
        _, _, at_places = self.parted(sharing, self.input(sharing, 16).requires_grad_(), own)
        for one in range(3):
            for other in range(one):
                pairs = zip(at_places[one], at_places[other], strict=True)
                products = [float((a * b).sum()) for a, b in pairs if a is not None and b is not None]
                assert sum(products) != 0, f"tasks {other} and {one} share nothing where they part"

    def parted(
        self, sharing: Sharing, x: Float[Tensor, "views B D"], own: set[int]
    ) -> tuple[list[GradientEdge], list[GradientEdge], list[tuple[Tensor | None, ...]]]:
        """Return where the losses of three tasks begin, where the tasks part, and the gradient of each loss there.

        They part at the marked tensors and at the weights that lie before them and are nobody's own.
        """
        draw = torch.randn(x.shape[1], sharing.width, generator=torch.Generator().manual_seed(3))
        losses = torch.stack([(vector * draw).sum() for vector in self.call(sharing, x, range(3))])
        roots = [root for root in loss_edges(losses)[0] if root is not None]
        near = [nearest(root) for root in roots]
        marks = {node: output for each in near for node, output in each.marks.items()}
        assert marks, "nothing is marked as the place where tasks part; mark it with `plait.share.parting.part`"
        before = {id(leaf): leaf for each in near for leaf in each.leaves if id(leaf) not in own}
        assert not before.keys() & behind(list(marks)), "a weight is read both before and behind the marks"
        places = [GradientEdge(node, output) for node, output in marks.items()]
        places += [get_gradient_edge(leaf) for leaf in before.values()]
        grads: list[tuple[Tensor | None, ...]] = [
            torch.autograd.grad([root], places, retain_graph=True, allow_unused=True) for root in roots
        ]
        return roots, places, grads

    def test_one_row_and_none_can_be_trained_on(self) -> None:
        for rows in (0, 1):
            sharing = self.made(3)
            x = self.input(sharing, rows).requires_grad_()
            self.call(sharing, x, [2, 0]).sum().backward()  # type: ignore[no-untyped-call]
            assert all(p.grad is None or p.grad.isfinite().all() for p in [x, *sharing.parameters()])

    def test_parts_hold_every_parameter_once(self) -> None:
        sharing = self.made(3)
        inside = [id(p) for tensors in sharing.parts().values() for p in tensors]
        assert len(inside) == len(set(inside))
        assert set(inside) == {id(p) for p in sharing.parameters()}

    def test_finite_in_bfloat16(self) -> None:
        sharing = self.made(3)
        x = self.input(sharing, 16).requires_grad_()
        with torch.autocast("cpu", torch.bfloat16):
            out = self.call(sharing, x, range(3))
        out.float().square().mean().backward()  # type: ignore[no-untyped-call]
        assert out.isfinite().all()
        assert all(p.grad is None or p.grad.isfinite().all() for p in sharing.parameters())
        fresh = self.made(3).eval()
        fresh.load_state_dict(sharing.state_dict())  # Moments of the input may have moved; nothing else may.
        assert torch.allclose(self.call(sharing.eval(), x, range(3)), self.call(fresh, x, range(3)), atol=1e-5)

    def test_the_same_seed_gives_the_same_numbers(self) -> None:
        first, second = self.made(2), self.made(2)
        x = self.input(first, 8)
        torch.manual_seed(9)
        one = self.call(first, x, [0, 1])
        torch.manual_seed(9)
        assert torch.equal(one, self.call(second, x, [0, 1]))

    def test_shapes_hold_on_the_meta_device(self) -> None:
        sharing = self.made(3).to("meta").eval()
        with torch.no_grad():
            assert self.call(sharing, self.input(sharing, 7).to("meta"), [2, 1]).shape == (2, 7, sharing.width)

    def test_what_it_adds_to_the_objective_is_told_once(self) -> None:
        sharing = self.made(3)
        self.call(sharing, self.input(sharing, 8), range(3))
        added = sharing.penalty()
        assert added is None or (added.shape == () and bool(added.isfinite()))
        assert sharing.penalty() is None

    def test_gates_are_shares(self) -> None:
        sharing = self.made(3).eval()
        for rows in (1, 6):
            for level in sharing.gates(self.input(sharing, rows), [2, 0]).values():
                assert level.shape[0] == 2
                assert torch.allclose(level.sum(1), torch.ones(2), atol=1e-5)
                assert not level.requires_grad
        assert all(level.isfinite().all() for level in sharing.gates(self.input(sharing, 0), [1]).values())


def _moved(sharing: Sharing) -> Sharing:
    """Move all parameters a little, since what starts at zero hides what lies before it."""
    with torch.no_grad():
        for parameter in sharing.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return sharing


def _step(parameters: Iterator[nn.Parameter]) -> None:
    """Go a little down the gradient."""
    with torch.no_grad():
        for parameter in parameters:
            if parameter.grad is not None:
                parameter.sub_(0.01 * parameter.grad)
