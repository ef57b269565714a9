"""Tasks that depend on each other: a directed graph without cycles, laid over the heads."""

from collections.abc import Iterable, Mapping, Sequence
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from plait import schema
from plait.errors import RecipeError
from plait.tasks.base import Conditional, Event, Head
from plait.tasks.relations.aitm import AITM
from plait.tasks.relations.dbmtl import DBMTL
from plait.tasks.relations.escm2 import ESCM2
from plait.tasks.relations.esmm import ESMM
from plait.tasks.relations.given import AnyRelation, ChainedTask, chain_problems
from plait.tasks.relations.relation import Linked, Relation, both

__all__ = ["Chain", "build_chain"]


@final
class Chain(nn.Module):
    """Run the heads of tasks that depend on each other, parents first.

    Only tasks that are given others, and those they are given, take part; all others never come here.

    Args:
        parents: task that is given others -> these; no cycles.
        relations: task that is given others -> what it takes from them.

    Attributes:
        order: the tasks that take part, parents before children.
        parents: task of `order` -> the tasks it is given.
    """

    def __init__(self, parents: Mapping[str, Sequence[str]], relations: Mapping[str, Relation]) -> None:
        super().__init__()
        self.order: list[str] = []
        for name in parents:
            _place(name, parents, self.order)
        self.parents = {name: list(parents.get(name, ())) for name in self.order}
        self._relations = dict(relations)
        # A second way to the same modules, for `parameters` and the names of the weights.
        self.relations = nn.ModuleList(relations[name] for name in self.order if name in relations)
        self._factors: dict[str, list[str]] = {}
        for name in self.order:
            self._factors[name] = [*self.conditions(name), name]

    def __contains__(self, task: str) -> bool:
        return task in self.parents

    def relation(self, task: str) -> Relation | None:
        """Return what a task takes from those it is given; nothing where it is given none."""
        return self._relations.get(task)

    def needed(self, tasks: Iterable[str]) -> set[str]:
        """Return some tasks with everything they are given, directly or not."""
        found = set(tasks)
        for name in reversed(self.order):
            if name in found:
                found.update(self.parents[name])
        return found

    def conditions(self, task: str) -> list[str]:
        """Return the tasks whose shares multiply to the condition of a task, each once; none where nothing ties it."""
        relation = self.relation(task)
        if relation is None or not relation.exact:
            return []
        return list(dict.fromkeys(factor for parent in self.parents[task] for factor in self._factors[parent]))

    def forward(self, vectors: Mapping[str, Float[Tensor, "B H"]], heads: Mapping[str, Head]) -> dict[str, Linked]:
        """Run the heads of the tasks whose vectors are there; those of everything they are given have to be there too.

        Args:
            vectors: task -> its vector from the body.
            heads: task -> its head.
        """
        found: dict[str, Linked] = {}
        for name in self.order:
            if name not in vectors:
                continue
            relation, head, parents = self.relation(name), heads[name], self.parents[name]
            vector = vectors[name] if relation is None else relation.read(vectors[name], [found[p].vector for p in parents])
            alone = head(vector).float()
            condition, output = self._condition(name, found, heads), alone
            if condition is not None:
                assert isinstance(head, Conditional)
                # The loss of an amount has the tail of the amount; measured, it drowns what the chance learns from labels.
                condition = condition if isinstance(head, Event) else condition.detach()
                output = head.under(alone, condition)
            asked = parents if relation is not None and relation.reads_chances else []
            found[name] = Linked(vector, alone, output, condition, tuple(_chance(heads[p], found[p].output) for p in asked))
        return found

    def bound(self, predictions: dict[str, Float[Tensor, "B P"]], heads: Mapping[str, Head]) -> None:
        """Take away what rounding may have put above a parent, so that the order holds in what is predicted too."""
        for name in self.order:
            if name in predictions and self.conditions(name) and isinstance(heads[name], Event):
                for parent in self.parents[name]:
                    predictions[name] = torch.minimum(predictions[name], predictions[parent])

    def happened(self, task: str, labels: Mapping[str, Float[Tensor, "B L"]], like: Tensor) -> Float[Tensor, "B"]:
        """Say whether everything a task is given happened: 1, 0, or NaN where no label says so.

        Args:
            task: the task.
            labels: task -> labels as prepared; a task may be missing.
            like: a tensor with a row per example.
        """
        result = like.new_ones(len(like), dtype=torch.float32)
        for parent in self.parents[task]:
            label = labels[parent][:, 0] if parent in labels else torch.full_like(result, torch.nan)
            result = torch.where((result == 0) | (label == 0), 0.0, result * label)
        return result

    def start(self, heads: Mapping[str, Head], rates: Mapping[str, float]) -> None:
        """Begin every tied task where its linked output gives its base rate.

        Args:
            heads: task -> its head.
            rates: task -> how often it happens in the training part.
        """
        shares: dict[str, float] = {}
        for name in self.order:
            chance = 1.0
            for factor in self.conditions(name):
                chance *= shares[factor]
            head = heads[name]
            if chance < 1 and isinstance(head, Conditional):
                head.start(chance)
            shares[name] = min(max(rates[name] / chance, 1e-4), 1 - 1e-4)

    def lent_heads(self, heads: Mapping[str, Head]) -> set[str]:
        """Return the tasks whose heads get gradient from other tasks' losses.

        Args:
            heads: task -> its head.
        """
        events = [name for name in self.order if isinstance(heads[name], Event)]
        found = {factor for name in events for factor in self.conditions(name)}
        for name, relation in self._relations.items():
            if relation.reads_chances:
                found.update(factor for parent in self.parents[name] for factor in self._factors[parent])
        return found

    def lent_vectors(self, heads: Mapping[str, Head]) -> set[str]:
        """Return the tasks whose vectors, and what makes them, get gradient from other tasks' losses.

        Args:
            heads: task -> its head.
        """
        read = {
            parent for name, relation in self._relations.items() if relation.reads_vectors for parent in self.parents[name]
        }
        return read | self.lent_heads(heads)

    def _condition(self, task: str, found: Mapping[str, Linked], heads: Mapping[str, Head]) -> Float[Tensor, "B"] | None:
        """Return the log odds that everything a task is given happens, starting from the parent that knows most of it."""
        wanted = self.conditions(task)
        if not wanted:
            return None
        most = max(self.parents[task], key=lambda parent: len(self._factors[parent]))
        condition = _chance(heads[most], found[most].output)
        for factor in wanted:
            if factor not in self._factors[most]:
                condition = both(condition, _chance(heads[factor], found[factor].alone))
        return condition


def _chance(head: Head, output: Float[Tensor, "B O"]) -> Float[Tensor, "B"]:
    """Return the log odds that a head's output stands for."""
    assert isinstance(head, Event)
    return head.log_odds(output)


def _place(task: str, parents: Mapping[str, Sequence[str]], order: list[str]) -> None:
    """Put a task into the order, after those it is given."""
    if task not in order:
        for parent in parents.get(task, ()):
            _place(parent, parents, order)
        order.append(task)


def build_chain(tasks: Mapping[str, schema.Task], width: int, layers: Sequence[int]) -> Chain:
    """Build the chain that the tasks' settings describe.

    Args:
        tasks: the tasks of the recipe.
        width: H, the length of a task's vector.
        layers: widths of a task's tower.

    Raises:
        RecipeError: a task is given what cannot be.
    """
    if problems := chain_problems(tasks):
        raise RecipeError("\n".join(problems))
    children = {name: task for name, task in tasks.items() if isinstance(task, ChainedTask) and task.parents}
    relations = {name: _relation(task.relation, len(task.parents), width, layers) for name, task in children.items()}
    return Chain({name: task.parents for name, task in children.items()}, relations)


def _relation(settings: AnyRelation, parents: int, width: int, layers: Sequence[int]) -> Relation:
    match settings:
        case ESMM.Settings():
            return ESMM()
        case ESCM2.Settings():
            return ESCM2(width, layers, settings)
        case AITM.Settings():
            return AITM(width, parents, settings)
        case DBMTL.Settings():
            return DBMTL(width, parents, settings)
