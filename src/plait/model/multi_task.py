"""The model: encode the rows, share, predict. Nothing more: no data, no loss weights, no optimiser.

batch ── row encoder per table ──> one vector per role ── concatenated, what a task may not see replaced by a learned
"absent" vector ──> x [views, B, D] ── sharing ──> [t, B, H] ── heads, chained where tasks are given each other ──>
predictions and losses
"""

from collections.abc import Callable, Mapping, Sequence
from typing import final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from plait.data.batches import Batch, Block
from plait.data.negatives import Negatives
from plait.encode.ids import FusedEmbedding
from plait.layout import Group, Layout
from plait.model.alike import Alike
from plait.model.domains import Domains
from plait.model.encoder import Encoder, slot
from plait.model.learning import Learning
from plait.model.ruling import Ruling
from plait.model.task_texts import TaskTexts
from plait.model.tokens import token_outputs
from plait.share.base import Sharing
from plait.share.parting import alias, part
from plait.tasks.base import Head, TwoTower
from plait.tasks.relations.chain import Chain
from plait.tasks.relations.relation import Linked, Told
from plait.tasks.rules import TaskRule
from plait.tasks.tokens import TokenHead

__all__ = ["MultiTaskModel"]


@final
class MultiTaskModel(nn.Module):
    """One model for all tasks of a recipe.

    Args:
        layout: how the prepared tables look.
        encoder: everything before the body.
        sharing: the body.
        heads: one per task, in the order of `layout.tasks`.
        chain: which tasks are given which; none where not said.
        rules: what must hold for their outcomes.
        own_texts: what tasks read of texts with adapters of their own; nothing where not said.
        learning: what tasks learn from rows without a label; nothing where not said.
    """

    def __init__(
        self,
        layout: Layout,
        encoder: Encoder,
        sharing: Sharing,
        heads: Mapping[str, Head | TwoTower | TokenHead],
        chain: Chain | None = None,
        rules: Sequence[TaskRule] = (),
        own_texts: TaskTexts | None = None,
        learning: Learning | None = None,
    ) -> None:
        super().__init__()
        self.layout = layout
        self.names = list(layout.tasks)
        self.encoder = encoder
        self.sharing = sharing
        self.heads = nn.ModuleDict({slot(name): heads[name] for name in self.names})
        self.chain = chain or Chain({}, {})
        self.ruling = Ruling(layout.tasks, rules)
        self.own_texts = own_texts
        self.learning = learning or Learning({}, {})
        self.alike = Alike({})
        self.domains = Domains(layout, sharing.domain)

    def head(self, task: str) -> Head | TwoTower | TokenHead:
        """Return the head of a task."""
        head = self.heads[slot(task)]
        assert isinstance(head, Head | TwoTower | TokenHead)
        return head

    def losses(
        self, batches: Sequence[Batch], negatives: Mapping[str, Negatives]
    ) -> tuple[Float[Tensor, "T"], Bool[Tensor, "T"]]:
        """Compute the mean loss of every task over the labelled rows of the batches.

        Args:
            batches: at most one per table.
            negatives: sampled candidates for each two-tower task of the batches.

        Returns:
            One loss per task, 0 without gradient where no row has a label, and which tasks had one.
        """
        found: dict[str, Tensor] = {}
        heard = [bool(self._listening(self._present(batch))) for batch in batches]
        read, negatives = self.encoder.read(
            [b for b, any_listens in zip(batches, heard, strict=True) if any_listens], negatives
        )
        waiting = iter(read)
        for batch, any_listens in zip(batches, heard, strict=True):
            found |= self._batch_losses(next(waiting) if any_listens else batch, negatives)
        zero = self.encoder.absent.new_zeros(())
        values = torch.stack([found.get(name, zero) for name in self.names])
        present = torch.tensor([name in found for name in self.names], device=values.device)
        return values, present

    def hidden(self, batch: Batch) -> dict[str, Float[Tensor, "B H"]]:
        """Compute each task's vector for the examples of a batch, as the body gives it."""
        encoded = self.encoder(batch)
        found: dict[str, Tensor] = {}
        for group in self._groups(batch.table):
            found |= self._hidden(batch, group, encoded)
        return found

    def outputs(self, batch: Batch, enforced: bool = True) -> dict[str, Float[Tensor, "B P"]]:
        """Predict every task of the batch's table: probabilities or values; for two-tower tasks the query's place.

        Args:
            batch: the examples.
            enforced: whether what rules forbid is taken out; of rankings, whoever ranks takes it out.
        """
        found: dict[str, Tensor] = {}
        tasks = [name for group in self._groups(batch.table) for name in group.tasks]
        vectors: dict[str, Tensor] = {}
        if self._listening(tasks):
            batch = self.encoder.read([batch], {})[0][0]
            vectors = self.hidden(batch)
        for name in tasks:
            head = self.head(name)
            if isinstance(head, TokenHead):
                found[name] = self._token_outputs(name, head, batch, vectors.pop(name, None))
        return found | self.predict(vectors, lambda name, said: self.ruling.enforce(name, said, batch) if enforced else said)

    def predict(
        self, vectors: Mapping[str, Float[Tensor, "B H"]], enforce: Callable[[str, Tensor], Tensor]
    ) -> dict[str, Float[Tensor, "B P"]]:
        """Predict tasks from their vectors: probabilities or values; for two-tower tasks the query's place.

        Args:
            vectors: task -> its vector from the body; those of everything it is given have to be there too.
            enforce: takes what rules forbid out of a task's predictions.
        """
        found: dict[str, Tensor] = {}
        linked = self.linked(vectors)
        for name, hidden in vectors.items():
            head = self.head(name)
            assert not isinstance(head, TokenHead)
            if isinstance(head, TwoTower):
                found[name] = head.query(hidden).float()
            else:
                said = head.predict(linked[name].output if name in linked else head(hidden).float())
                found[name] = enforce(name, said)
        self.chain.bound(found, self._chained())
        return found

    def candidates(self, task: str, block: Block) -> Float[Tensor, "N R"]:
        """Place rows of a two-tower task's target table in the task's common space."""
        head = self.head(task)
        target = self.layout.tasks[task].target
        assert isinstance(head, TwoTower) and target is not None
        return head.candidates(self.encoder.block(target, block)[0]).float()

    def gates(self, batch: Batch) -> dict[str, dict[str, Float[Tensor, " E"]]]:
        """Return for each level of the body how much each task of the batch's table leans on each expert."""
        encoded = self.encoder(batch)
        found: dict[str, dict[str, Tensor]] = {}
        for group in self._groups(batch.table):
            numbers = [self.names.index(name) for name in group.tasks]
            levels = self.sharing.gates(self.encoder.joint_input(batch, group, encoded), numbers)
            for level, use in levels.items():
                found.setdefault(level, {}).update(zip(group.tasks, use, strict=True))
        return found

    def penalty(self) -> Float[Tensor, ""] | None:
        """Return what body, rules and rows without a label add to the objective since the last call, and forget it."""
        terms = (self.sharing.penalty(), self.ruling.take(), self.learning.take())
        added = [term for term in terms if term is not None]
        return torch.stack(added).sum() if added else None

    def before_step(self, done: float) -> None:
        """Hear how much of the training is behind, from 0 to 1."""
        self.learning.before_step(done)
        if self.encoder.texts is not None:
            self.encoder.texts.before_step(done)

    def rates(self) -> list[tuple[nn.Parameter, float]]:
        """Return the parameters that have a learning rate of their own, with it."""
        return [] if self.encoder.texts is None else self.encoder.texts.rates()

    def compare(self, alike: Alike) -> None:
        """Say which texts tasks compare; none where nothing is said."""
        self.alike = alike

    def settle(self) -> None:
        """End training: what was learned in adapters is merged into what it adapts."""
        if self.encoder.texts is not None:
            self.encoder.texts.settle()

    def embeddings(self) -> list[FusedEmbedding]:
        """Return the fused embeddings, whose looked-up rows are updated in place."""
        return [module for module in self.modules() if isinstance(module, FusedEmbedding)]

    def own_tensors(self) -> list[list[nn.Parameter]]:
        """Return for each task the parameters that only it moves: none that a task which is given it reads as well."""
        chained = self._chained()
        heads, vectors = self.chain.lent_heads(chained), self.chain.lent_vectors(chained)
        own: list[list[nn.Parameter]] = [[] for _ in self.names]
        for number, name in enumerate(self.names):
            if name not in heads:
                own[number] += self.head(name).parameters()
            if name not in vectors:
                relation = self.chain.relation(name)
                own[number] += [*self.sharing.own(number), *(() if relation is None else relation.parameters())]
                if self.own_texts is not None and self.encoder.texts is not None:
                    own[number] += [*self.own_texts.own(name), *self.encoder.texts.own(number)]
        return own

    def private_tensors(self) -> list[list[nn.Parameter]]:
        """Return for each task those of its own parameters that no other task's prediction depends on."""
        found: list[list[nn.Parameter]] = []
        for number, own in enumerate(self.own_tensors()):
            private = {id(p) for p in self.sharing.private(number)}
            read = {id(p) for p in self.sharing.own(number)} - private
            found.append([p for p in own if id(p) not in read])
        return found

    def shared_tensors(self) -> list[nn.Parameter]:
        """Return the parameters more than one task may read; looked-up embedding rows are not among them."""
        own = {id(p) for tensors in self.own_tensors() for p in tensors}
        return [p for p in self.parameters() if p.requires_grad and id(p) not in own]

    def shared_parts(self) -> dict[str, list[nn.Parameter]]:
        """Return the parameters more than one task may read, by the part of the model, in the order in which data pass.

        Among them are the tables of embeddings, each as the part `embeddings of TABLE`.
        """
        own = {id(p) for tensors in self.own_tensors() for p in tensors}
        parts = {**self.encoder.parts(), **self.sharing.parts()}
        shared = {part: [p for p in tensors if p.requires_grad and id(p) not in own] for part, tensors in parts.items()}
        return {part: tensors for part, tensors in shared.items() if tensors}

    def _groups(self, table: str) -> list[Group]:
        return [group for group in self.layout.groups if group.table == table]

    def _hidden(self, batch: Batch, group: Group, encoded: Mapping[str, Tensor]) -> dict[str, Tensor]:
        numbers = [self.names.index(name) for name in group.tasks]
        x = self.encoder.joint_input(batch, group, encoded)
        vectors = self.sharing(x, numbers, self.domains.of(batch, group))
        found = dict(zip(group.tasks, vectors, strict=True))
        if self.own_texts is not None and self.encoder.texts is not None:
            more = self.own_texts(self.encoder.texts, batch, group.tasks, numbers)
            found |= {name: found[name] + own for name, own in zip(group.tasks, more, strict=True) if own is not None}
        return self.alike.widen(found, x)

    def _present(self, batch: Batch) -> list[str]:
        """Return the tasks that have a label in a batch."""
        return [name for name, weight in batch.weights.items() if name in self.names and bool((weight > 0).any())]

    def _listening(self, names: Sequence[str]) -> list[str]:
        """Return those of some tasks whose heads read the task's vector."""
        heads = {name: self.head(name) for name in names}
        return [name for name, head in heads.items() if not isinstance(head, TokenHead) or head.listens]

    def _chained(self) -> dict[str, Head]:
        """Return the heads of the tasks that are given others, or are what others are given."""
        heads = {name: self.head(name) for name in self.chain.order}
        return {name: head for name, head in heads.items() if isinstance(head, Head)}

    def linked(self, vectors: Mapping[str, Float[Tensor, "B H"]]) -> dict[str, Linked]:
        """Run the heads of the chain whose vectors are there."""
        return self.chain(vectors, self._chained()) if any(name in self.chain for name in vectors) else {}

    def _batch_losses(self, batch: Batch, negatives: Mapping[str, Negatives]) -> dict[str, Tensor]:
        """Mean loss per task of a batch; tasks without a label in it are left out."""
        present = self._present(batch)
        learns = self.training and torch.is_grad_enabled()
        ruled = [name for name in self.ruling.wanted(batch) if name in self.names] if learns else []
        free = self.learning.wanted(batch) if learns else {}
        needed = self.chain.needed([*self._listening(present), *ruled, *free])
        encoded = self.encoder(batch) if needed else {}
        vectors: dict[str, Tensor] = {}
        for group in self._groups(batch.table):
            if not needed.isdisjoint(group.tasks):
                vectors |= self._hidden(batch, group, encoded)
        linked = self.linked({name: vectors[name] for name in self.chain.order if name in needed})
        for name in ruled:
            head = self.head(name)
            assert isinstance(head, Head)
            output = linked[name].output if name in linked else head(vectors[name]).float()
            self.ruling.see(name, head.predict(output), batch)
        for name, places in free.items():
            self._learn(name, batch, places, encoded, vectors[name])
        found: dict[str, Tensor] = {}
        for name in present:
            weight = batch.weights[name]
            picked = None if bool((weight > 0).all()) else (weight > 0).nonzero().flatten()
            head = self.head(name)
            if name in linked:
                each = self._linked_losses(name, batch, linked[name], picked)
            elif isinstance(head, TokenHead):
                each = self._token_losses(name, head, batch, vectors.get(name), picked)
            else:
                each = self._example_losses(name, batch, vectors[name], picked, encoded, negatives)
            weight = weight if picked is None else weight.index_select(0, picked)
            found[name] = (each * weight).sum() / weight.sum()
        return found

    def _learn(
        self,
        name: str,
        batch: Batch,
        places: Int[Tensor, " b"],
        encoded: Mapping[str, Tensor],
        vectors: Float[Tensor, "B H"],
    ) -> None:
        """Read the examples at some places once more, a part of them left out."""
        head, number = self.head(name), self.names.index(name)
        group = next(group for group in self._groups(batch.table) if name in group.tasks)
        assert isinstance(head, Head)
        x = self.learning.leave_out(name, self.encoder.joint_input(batch, group, encoded).index_select(1, places))
        domains = self.domains.of(batch, group)
        partly = self.sharing(x, [number], None if domains is None else domains.index_select(0, places))[0]
        if self.own_texts is not None and self.encoder.texts is not None:
            more = self.own_texts(self.encoder.texts, batch, [name], [number])[0]
            partly = partly if more is None else partly + more.index_select(0, places)
        self.learning.see(name, head, vectors.index_select(0, places), partly)

    def _linked_losses(
        self, name: str, batch: Batch, linked: Linked, picked: Int[Tensor, " b"] | None
    ) -> Float[Tensor, " b"]:
        """Loss of each labelled example of a task of the chain."""
        head, relation, group = self.head(name), self.chain.relation(name), batch.groups.get(name)
        assert isinstance(head, Head)
        label, kept = _pick(batch.labels[name], picked), linked.pick(picked)
        lists = None if group is None else _pick(group, picked)
        if relation is None:
            return head.losses(kept.output, label, lists)
        happened = self.chain.happened(name, batch.labels, linked.output)
        return relation.losses(head, kept, Told(label, lists, _pick(happened, picked)))

    def _token_losses(
        self, name: str, head: TokenHead, batch: Batch, hidden: Float[Tensor, "B H"] | None, picked: Int[Tensor, " b"] | None
    ) -> Float[Tensor, " b"]:
        """Loss of each labelled example of a task that says something at tokens."""
        texts, feature = self.encoder.texts, self.layout.tasks[name].text
        assert texts is not None and feature is not None
        output, script = token_outputs(texts, head, batch, feature, hidden, picked)
        return head.losses(output, _pick(batch.labels[name], picked), script)

    def _token_outputs(
        self, name: str, head: TokenHead, batch: Batch, hidden: Float[Tensor, "B H"] | None
    ) -> Float[Tensor, "B P"]:
        """Predict a task that says something at tokens."""
        texts, feature = self.encoder.texts, self.layout.tasks[name].text
        assert texts is not None and feature is not None
        return head.predict(*token_outputs(texts, head, batch, feature, hidden))

    def _example_losses(
        self,
        name: str,
        batch: Batch,
        hidden: Float[Tensor, "B H"],
        picked: Int[Tensor, " b"] | None,
        encoded: Mapping[str, Tensor],
        negatives: Mapping[str, Negatives],
    ) -> Float[Tensor, " b"]:
        head, task = self.head(name), self.layout.tasks[name]
        label = _pick(batch.labels[name], picked)
        hidden = _pick(hidden, picked)
        assert not isinstance(head, TokenHead)
        if isinstance(head, Head):
            group = batch.groups.get(name)
            output = head(hidden).float()
            return head.losses(output, label, None if group is None else _pick(group, picked))
        assert task.target is not None and task.target_role is not None
        # These ways to the row encoder go around the body; the marks let balancing methods see them too.
        positives = _pick(part(alias(encoded[task.target_role][0])), picked)
        items = _pick(batch.roles[task.target_role].rows, picked)
        drawn = negatives[name]
        sampled = part(alias(self.encoder.block(task.target, drawn.block)[0]))
        places = head.candidates(torch.cat([positives, sampled]))
        rows = torch.cat([items, drawn.block.rows])
        log_q = drawn.log_q.index_select(0, rows)
        query, places = head.query(hidden).float(), places.float()
        if self.training and torch.is_grad_enabled():
            self.ruling.see_pairs(name, head, (query, places), rows, (batch, picked, drawn))
        return head.losses(query, places, rows, log_q, label)


def _pick(values: Tensor, picked: Tensor | None) -> Tensor:
    """Return the picked rows; all of them where nothing is said."""
    return values if picked is None else values.index_select(0, picked)
