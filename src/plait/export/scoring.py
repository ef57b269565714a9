"""The model from row vectors on, as one module that a graph is traced from."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Literal, final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from plait.data.batches import Block, gather
from plait.data.columns import Prepared
from plait.encode.row import RowEncoder
from plait.errors import RunError
from plait.export.pairs import blank
from plait.export.reading import Input, Reading
from plait.export.rows import hidden_features, variant
from plait.export.split import Splitting, joined, one_row
from plait.layout import Group, Role
from plait.model import MultiTaskModel
from plait.model.encoder import HistoryRole, slot
from plait.tasks.rules import enforce

__all__ = ["Scoring"]


@final
class Scoring(nn.Module):
    """Score candidates for some tasks of one table.

    Args:
        model: the model.
        prepared: the tables.
        reading: how examples reach their rows.
        tasks: which tasks, as they should come out.

    Attributes:
        inputs: what `forward` is given, in order.
        tasks: what it returns, in order.
        groups: groups of tasks that see the same, with those of `tasks` and what these need.
    """

    absent: Tensor

    def __init__(self, model: MultiTaskModel, prepared: Prepared, reading: Reading, tasks: list[str]) -> None:
        super().__init__()
        self.tasks = tasks
        self.inputs: list[Input] = []
        if model.own_texts is not None:
            raise RunError(
                "A model should read its texts once for all tasks, to be exported. Found adapters per task "
                "(`model.text.adapters: per_task`), whose texts each task reads for itself. `plait serve RUN` serves the "
                "run as it is."
            )
        self._reading = reading
        self._held = (model,)  # Held without being a part: only what a graph runs is one.
        self.sharing, self.heads, self.chain = model.sharing, model.heads, model.chain
        self.histories, self.rows = nn.ModuleDict(), nn.ModuleDict()
        self._own: set[str] = set()
        self._kept: tuple[str, list[int]] | None = None
        self._unread: set[str] = set()
        self.groups = reading.groups(sorted(model.chain.needed(tasks), key=model.names.index))
        self._last = {name: events.last for name, events in prepared.histories.items()}
        self.register_buffer("absent", model.encoder.absent.detach().clone(), persistent=False)
        batch = gather(prepared, reading.table, torch.tensor([1]), blank(prepared, reading.table, 1))
        with torch.no_grad():
            for number, (group, _) in enumerate(self.groups):
                for role in prepared.layout.roles:
                    self._prepare(number, group, role, batch.roles)
        self._add_domains()
        self._rules = [rule for rule in model.ruling.rules if rule.task in tasks and rule.name in prepared.layout.rules]
        for rule in self._rules:
            self._add(Input(f"rule:{rule.name}", "rule", "", rule.name, reading.table, (), "bool", False))

    @property
    def model(self) -> MultiTaskModel:
        """The model."""
        return self._held[0]

    @property
    def looks_up(self) -> bool:
        """Whether what the first layers make of candidates is looked up."""
        return self._kept is not None

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Score the candidates; the order is that of `inputs` and `tasks`."""
        read = [known for known in self.inputs if known.name not in self._unread]
        given = dict(zip((known.name for known in read), inputs, strict=True))
        varying = [given[known.name] for known in read if not known.fixed]
        size = varying[0].shape[0] if varying else 1
        given |= {known.name: known.zeros(size) for known in self.inputs if known.name in self._unread}
        vectors: dict[str, Tensor] = {}
        known = None if self._kept is None else iter(torch.split(given[self._kept[0]], self._kept[1], dim=1))
        for number, (_, names) in enumerate(self.groups):
            x, shared, _ = self.shared(number, given, size, known)
            found = [vector.expand(size, -1) if one_row(vector) else vector for vector in shared]
            vectors |= self.model.alike.widen(dict(zip(names, found, strict=True)), x)

        def ruled(name: str, said: Tensor) -> Tensor:
            for rule in self._rules:
                if rule.task == name:
                    said = enforce(self._reading.layout.tasks[name], said, given[f"rule:{rule.name}"], rule.classes)
            return said

        said = self.model.predict(vectors, ruled)
        return tuple(said[name] for name in self.tasks)

    def shared(
        self,
        number: int,
        given: Mapping[str, Tensor],
        size: int | torch.SymInt,
        known: Iterator[Tensor] | None = None,
        *,
        apart: bool = False,
    ) -> tuple[Float[Tensor, "views _ D"], Sequence[Tensor], list[Tensor]]:
        """Run the body for a group of tasks.

        Args:
            number: the group's.
            given: the inputs by name.
            size: how many candidates there are.
            known: what the next layers make of candidates' own rows.
            apart: whether that is told apart where it is not known.

        Returns:
            The joint input, what each task reads, and what layers make of candidates' own rows, in the order in which they
            come.
        """
        group, names = self.groups[number]
        roles = self._reading.layout.roles
        pieces = [self._piece(number, group, role, given) for role in roles]
        many = 1 if all(one_row(piece) for piece in pieces) else size
        x = joined(pieces, many)
        domains = self._domains(group, given)
        alone = [(apart or known is not None) and role.name in self._own for role in roles]
        splitting = Splitting(x, pieces, alone, known)
        with splitting:
            tasks = [self.model.names.index(name) for name in names]
            shared = self.sharing(x, tasks, None if domains is None else domains.expand(many))
        return x, list(shared), splitting.apart

    def keep(self, name: str, widths: Sequence[int]) -> None:
        """Look up what layers make of candidates' own rows.

        Args:
            name: of the stored tensor, in which the products lie side by side.
            widths: how many numbers each has, in the order in which layers come.
        """
        key = self._reading.candidates
        assert key is not None
        self._add(Input(name, "row", key, name, self._reading.target(key), (sum(widths),), "float32", False))
        self._kept = name, list(widths)

    def read(self, names: Collection[str]) -> None:
        """Say which inputs are given; the others make no difference, and are not."""
        self._unread = {known.name for known in self.inputs if known.name not in names}

    def _add(self, known: Input) -> None:
        if all(other.name != known.name for other in self.inputs):
            self.inputs.append(known)

    def _prepare(self, number: int, group: Group, role: Role, blocks: Mapping[str, Block]) -> None:
        """Find out where a role's part of the joint input comes from, and keep it where it is the same for everybody."""
        encoder, reading = self.model.encoder, self._reading
        start, stop = encoder.seats[role.name]
        absent = encoder.absent[:, None, start:stop]
        known = role.name in reading.roles and role.name in group.roles
        key = reading.key(role.name) if known else None
        mask = torch.zeros(stop - start, dtype=torch.bool)
        if role.history is None:
            for first, last in encoder.hidden_spans(role, group):
                mask[first:last] = True
            self.register_buffer(_slot("mask", number, role), mask, persistent=False)
        if not known or start == stop:
            piece = absent
        elif role.history is not None and key is not None:
            self._add_history(number, group, role, blocks)
            return
        elif role.history is not None:
            piece = torch.zeros_like(absent)
        elif reading.own and not reading.further_of(role.name):
            self._add_own(role)
            return
        elif key is not None:
            name = variant(role.name, hidden_features(self.model, role, group))
            width = encoder.views * (stop - start)
            self._add(Input(name, "row", key, name, reading.target(key), (width,), "float32", reading.keys[key]))
            if key == reading.candidates:
                self._own.add(role.name)
            return
        else:
            vector = encoder.block(role.table, blocks[role.name], hidden_features(self.model, role, group)).float()
            piece = torch.where(mask, absent, vector)
        self.register_buffer(_slot("same", number, role), piece.detach().clone(), persistent=False)

    def _add_own(self, role: Role) -> None:
        """Take the columns of the examples themselves, and what encodes them."""
        table = self._reading.layout.tables[role.table]
        encoder = self.model.encoder.row_encoder(role.table)
        self.rows[slot(role.table)] = encoder
        wanted: list[tuple[str, tuple[int, ...], Literal["float32", "int64"]]] = [
            ("codes", (table.codes,), "int64"),
            ("numbers", (table.numbers,), "float32"),
            *((f"vector:{f.name}", (f.dim,), "float32") for f in table.features if f.name in encoder.given),
        ]
        for name, shape, dtype in wanted:
            self._add(Input(name, "own", "", name, role.table, shape, dtype, False))

    def _add_history(self, number: int, group: Group, role: Role, blocks: Mapping[str, Block]) -> None:
        """Take what a person had, and what asks about it."""
        reading, module, key = self._reading, self.model.encoder.histories[slot(role.name)], self._reading.key(role.name)
        assert isinstance(module, HistoryRole) and role.history is not None and key is not None
        self.histories[slot(role.name)] = module
        fixed, past, last = reading.keys[key], f"past:{role.name}", self._last[role.history]
        self._add(Input(past, "recent", key, past, role.table, (last, module.width), "float32", fixed))
        self._add(Input(f"there:{role.name}", "there", key, role.name, role.table, (last,), "bool", fixed))
        asking = reading.asking(role, group)
        if asking is None:
            return
        asked = reading.key(asking.name)
        if asked is None:
            vector = self.model.encoder.block(asking.table, blocks[asking.name])[0].float()
            self.register_buffer(_slot("query", number, role), module.project(vector).detach().clone(), persistent=False)
            return
        same = reading.target(asked) == role.table and not reading.further(asking.name)
        tensor = past if same else f"query:{role.name}"
        table, name = reading.target(asked), f"query:{role.name}:{asked}"
        self._add(Input(name, "row", asked, tensor, table, (module.width,), "float32", reading.keys[asked]))

    def _piece(self, number: int, group: Group, role: Role, given: Mapping[str, Tensor]) -> Float[Tensor, "views _ d"]:
        """Return a role's part of the joint input: one row, or one for each candidate."""
        kept = self._buffers.get(_slot("same", number, role))
        if kept is not None:
            return kept
        start, stop = self.model.encoder.seats[role.name]
        views = self.model.encoder.views
        if role.history is not None:
            return self._pooled(number, group, role, given)[None].expand(views, -1, -1)
        if slot(role.table) in self.rows and not self._reading.further_of(role.name):
            vector = self._encoded(role, group, given)
        else:
            vector = given[variant(role.name, hidden_features(self.model, role, group))]
            vector = vector.view(-1, views, stop - start).transpose(0, 1)
        hidden = self._buffers[_slot("mask", number, role)]
        assert hidden is not None
        if not self.model.encoder.hidden_spans(role, group):
            return vector
        return torch.where(hidden, self.absent[:, None, start:stop], vector)

    def _encoded(self, role: Role, group: Group, given: Mapping[str, Tensor]) -> Float[Tensor, "views B d"]:
        """Encode the examples themselves."""
        encoder = self.rows[slot(role.table)]
        assert isinstance(encoder, RowEncoder)
        vectors = {name: given[f"vector:{name}"] for name in encoder.given}
        return encoder(given["codes"], given["numbers"], vectors, hidden_features(self.model, role, group))

    def _pooled(self, number: int, group: Group, role: Role, given: Mapping[str, Tensor]) -> Float[Tensor, "_ W"]:
        """Pool what a person had: once for all candidates where no candidate asks."""
        module = self.histories[slot(role.name)]
        assert isinstance(module, HistoryRole)
        items, there = given[f"past:{role.name}"], given[f"there:{role.name}"]
        asking = self._reading.asking(role, group)
        query = self._buffers.get(_slot("query", number, role))
        if query is None and asking is not None:
            query = given[f"query:{role.name}:{self._reading.key(asking.name)}"]
        key = self._reading.key(role.name)
        if key is not None and self._reading.keys[key]:
            return module.pool.of_one(items, there, query)
        pooled: Tensor = module.pool(items, there, None if query is None else query.expand(items.shape[0], -1))
        return pooled

    def _add_domains(self) -> None:
        """Take the numbers of domains where the body asks for them."""
        for group, _ in self.groups:
            role = self._domain_role(group)
            key = None if role is None else self._reading.key(role)
            if role is not None and key is not None:
                name, table = f"domain:{role}", self._reading.target(key)
                self._add(Input(name, "row", key, name, table, (), "int64", self._reading.keys[key]))

    def _domains(self, group: Group, given: Mapping[str, Tensor]) -> Int[Tensor, " _"] | None:
        """Return each candidate's domain, or that of all, where the body asks for it."""
        if self.model.sharing.domain is None:
            return None
        found = given.get(f"domain:{self._domain_role(group)}")
        return torch.zeros(1, dtype=torch.int64) if found is None else found

    def _domain_role(self, group: Group) -> str | None:
        domain = self.model.sharing.domain
        for role, _, _ in self.model.domains.places:
            if role in self._reading.roles and role in group.roles and f"{role}/{domain}" not in group.hidden:
                return role
        return None


def _slot(what: str, number: int, role: Role) -> str:
    """Name what is kept of a role for a group; names of buffers hold no dots."""
    return f"{what} {number} {role.name}".replace(".", "/")
