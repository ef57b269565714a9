"""A small model with the verbs that training calls, and balancers, so that training is tested without the real parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from plait.balance.base import Balancer
from plait.data.batches import Batch, gather
from plait.data.columns import Prepared
from plait.data.negatives import Negatives
from plait.encode.ids import FusedEmbedding

TASKS = ["like", "stars", "kind"]


class Tiny(nn.Module):
    """Fused embeddings of users and films, one shared layer with dropout and a norm, one linear head per task."""

    def __init__(self, prepared: Prepared, seed: int = 0, dropout: float = 0.1) -> None:
        super().__init__()
        self.names = TASKS
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.users = FusedEmbedding(prepared.layout.tables["users"].vocabulary, 4)
            self.films = FusedEmbedding(prepared.layout.tables["films"].vocabulary, 4)
            self.shared = nn.Sequential(nn.Linear(16, 32), nn.LayerNorm(32), nn.ReLU(), nn.Dropout(dropout))
            self.absent = nn.Parameter(torch.zeros(8))
            self.heads = nn.ModuleList([nn.Linear(32, 1) for _ in TASKS])

    def outputs(self, batch: Batch) -> dict[str, Tensor]:
        films = self.films(batch.roles["films"].codes)[0].flatten(1)
        if batch.table == "films":
            hidden = self.shared(torch.cat([self.absent.expand(len(films), -1), films], dim=1))
            return {"kind": self.heads[2](hidden).float()[:, 0]}
        hidden = self.shared(torch.cat([self.users(batch.roles["users"].codes)[0].flatten(1), films], dim=1))
        return {"like": self.heads[0](hidden).float()[:, 0], "stars": self.heads[1](hidden).float()[:, 0]}

    def losses(self, batches: Sequence[Batch], negatives: Mapping[str, Negatives]) -> tuple[Tensor, Tensor]:
        found = {}
        for batch in batches:
            for task, output in self.outputs(batch).items():
                seen = batch.weights[task] > 0
                if not bool(seen.any()):
                    continue
                label = batch.labels[task][seen, 0]
                each = (
                    (output[seen] - label + 3) ** 2
                    if task == "stars"
                    else nn.functional.softplus(output[seen]) - label * output[seen]
                )
                found[task] = each.mean()
        zero = self.absent.new_zeros(())
        return torch.stack([found.get(task, zero) for task in TASKS]), torch.tensor([task in found for task in TASKS])

    def penalty(self) -> None:
        return None

    def before_step(self, done: float) -> None:
        pass

    def rates(self) -> list[tuple[nn.Parameter, float]]:
        return []

    def shared_tensors(self) -> list[nn.Parameter]:
        return [*self.users.parameters(), *self.films.parameters(), *self.shared.parameters(), self.absent]

    def shared_parts(self) -> dict[str, list[nn.Parameter]]:
        films, users = list(self.films.parameters()), list(self.users.parameters())
        body = [*self.shared.parameters(), self.absent]
        return {"embeddings of users": users, "embeddings of films": films, "shared": body}

    def own_tensors(self) -> list[list[nn.Parameter]]:
        return [list(head.parameters()) for head in self.heads]

    def private_tensors(self) -> list[list[nn.Parameter]]:
        return self.own_tensors()

    def embeddings(self) -> list[FusedEmbedding]:
        return [self.users, self.films]

    def gates(self, batch: Batch) -> dict[str, dict[str, Tensor]]:
        tasks = ["kind"] if batch.table == "films" else ["like", "stars"]
        return {"level 1": {task: torch.tensor([0.25, 0.75]) for task in tasks}}


class Mean(Balancer):
    """Average of the tasks that are present."""

    def backward(self, losses: Tensor, present: Tensor, shared: Sequence[Tensor], own: Sequence[Sequence[Tensor]]) -> Tensor:
        weights = present.float() / present.sum()
        (losses * weights).sum().backward()
        return weights


class Learned(Balancer):
    """Learned log variances, a running buffer, and a second look after the step: everything a method may keep."""

    def __init__(self) -> None:
        super().__init__()
        self.log_variance = nn.Parameter(torch.zeros(3))
        self.running: Tensor
        self.register_buffer("running", torch.ones(3))

    def backward(self, losses: Tensor, present: Tensor, shared: Sequence[Tensor], own: Sequence[Sequence[Tensor]]) -> Tensor:
        self.running = self.running.lerp(losses.detach(), 0.1)
        weights = (-self.log_variance).exp() / self.running.clamp(min=0.1)
        ((losses * weights + self.log_variance) * present).sum().backward()
        return weights.detach() * present

    def after_step(self, losses: Callable[[], Tensor]) -> None:
        self.running = self.running.lerp(losses(), 0.05)


class Conflict(Balancer):
    """A multi-gradient method on the leaves: each task's gradient is divided by its length before they are added."""

    def backward(self, losses: Tensor, present: Tensor, shared: Sequence[Tensor], own: Sequence[Sequence[Tensor]]) -> Tensor:
        weights = torch.zeros_like(losses)
        for number in present.nonzero().flatten().tolist():
            grads = torch.autograd.grad(losses[number], shared, retain_graph=True, allow_unused=True)
            length = torch.stack([grad.norm() for grad in grads if grad is not None]).norm()
            weights[number] = 1 / length.clamp(min=1e-6)
        (losses * weights.detach()).sum().backward()
        return weights.detach()


def evaluator(prepared: Prepared) -> Callable[[Tiny], dict[str, float]]:
    """Make an evaluation of accuracy (like, kind) and squared error (stars) on the validation part."""

    def evaluate(model: Tiny) -> dict[str, float]:
        assert not model.training
        scores = {}
        with torch.no_grad():
            for task, layout in prepared.layout.tasks.items():
                if task not in TASKS:
                    continue
                batch = gather(prepared, layout.table, prepared.rows(task, "valid"))
                output, label = model.outputs(batch)[task], batch.labels[task][:, 0]
                right = (output - label + 3).square() if task == "stars" else ((output > 0) == (label > 0)).float()
                scores[task] = float(right.mean())
        return scores

    return evaluate


DIRECTIONS = {"like": True, "stars": False, "kind": True}
