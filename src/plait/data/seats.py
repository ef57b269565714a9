"""Who sits where: which tables a task's examples reach along keys, and which features each task may see. No data is read."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, final

from plait.data.graph import fact_keys
from plait.errors import RecipeError, nearest
from plait.layout import Group, Role
from plait.schema import Graph, History, Ignore, Schema, Task, Text, places_of

__all__ = ["Seats", "arrange", "history_keys"]

_DEEPEST: Final = 4


@final
@dataclass(slots=True)
class Seats:
    """The seats of a schema."""

    roles: list[Role] = field(default_factory=list)
    paths: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)
    features: list[str] = field(default_factory=list)
    """Features that some task sees or some candidate needs, in the order of the recipe."""
    query: dict[str, str] = field(default_factory=dict)
    """relatedness task -> role of the first of the pair."""
    target: dict[str, str] = field(default_factory=dict)
    """retrieval or relatedness task -> role that holds the right answer."""


def history_keys(schema: Schema, name: str, history: History) -> tuple[str, str, str]:
    """Find the event table of a history feature, its key of the items and its key of the owner.

    Raises:
        RecipeError: if `of` is no key of an event table with a time and a key to the feature's table.
    """
    events, _, item = history.of.partition(".")
    owner = name.partition(".")[0]
    if events not in schema.tables:
        raise RecipeError(
            f"History `{name}`: `of: {history.of}` should be `table.key`; there is no table `{events}`."
            f"{nearest(events, list(schema.tables))}"
        )
    table = schema.tables[events]
    if item not in table.keys:
        raise RecipeError(
            f"History `{name}`: `of: {history.of}` should name a key of table `{events}`. Its keys are {list(table.keys)}."
            f"{nearest(item, list(table.keys))}"
        )
    owners = [k for k, target in table.keys.items() if target == owner and k != item]
    if not owners:
        raise RecipeError(f"History `{name}`: table `{events}` should have a key to `{owner}`. Its keys are {table.keys}.")
    if table.time is None:
        raise RecipeError(f"History `{name}`: table `{events}` should have a `time`, to know what happened before.")
    return events, item, owners[0]


def arrange(schema: Schema, labels: Mapping[str, list[str]]) -> Seats:
    """Lay out roles, paths, groups and visible features.

    A column named in a label of a table is no input to tasks on that table unless `inputs` names it. A key named in a label
    hides the seat behind that key from that task alone.

    Args:
        schema: the schema.
        labels: task -> columns that its label names.

    Raises:
        RecipeError: if a task sees nothing, or a retrieval label is no key.
    """
    _check(schema)
    return _Arranging(schema, labels).run()


def _check(schema: Schema) -> None:
    for name in schema.features:
        table = name.partition(".")[0]
        if table not in schema.tables:
            raise RecipeError(
                f"Feature `{name}` should be `table.column`; there is no table `{table}`."
                f"{nearest(table, list(schema.tables))}"
            )
    for name, table_ in schema.tables.items():
        for key, target in table_.keys.items():
            if target not in schema.tables:
                known = list(schema.tables)
                raise RecipeError(
                    f"Key `{name}.{key}` points at table `{target}`, which does not exist.{nearest(target, known)}"
                )
            if schema.tables[target].id is None and schema.tables[target].of is None:
                raise RecipeError(f"Key `{name}.{key}` points at table `{target}`, which should have an `id`. Found none.")
    for name, task in schema.tasks.items():
        if task.table not in schema.tables:
            known = list(schema.tables)
            raise RecipeError(f"Task `{name}`: there is no table `{task.table}`.{nearest(task.table, known)}")


def _check_given(schema: Schema, labels: Mapping[str, list[str]]) -> None:
    """Refuse a chain along which a task would see a column of its own label.

    Raises:
        RecipeError: a task that another is given opens such a column with `inputs`.
    """
    for name, task in schema.tasks.items():
        waiting, met = list(task.parents), {name}
        while waiting:
            ancestor = waiting.pop()
            if ancestor in met or ancestor not in schema.tasks:
                continue
            met.add(ancestor)
            waiting += schema.tasks[ancestor].parents
            opened = {*(schema.tasks[ancestor].inputs or [])} - {*(task.inputs or [])}
            leaks = [c for c in labels.get(name, []) if f"{task.table}.{c}" in opened]
            if leaks:
                raise RecipeError(
                    f"Task `{name}` is given `{ancestor}` and should not see its own label through it. Found "
                    f"`{task.table}.{leaks[0]}` in `inputs` of `{ancestor}`, a column that the label of `{name}` names. "
                    f"Take it out of these `inputs`, or leave `given` out."
                )


class _Arranging:
    """The state of one `arrange`."""

    def __init__(self, schema: Schema, labels: Mapping[str, list[str]]) -> None:
        self.schema = schema
        self.labels = labels
        self.seats = Seats()
        used = [(n, f) for n, f in schema.features.items() if not isinstance(f, Ignore)]
        self.row_features: dict[str, list[str]] = {t: [] for t in schema.tables}
        self.histories: dict[str, list[str]] = {t: [] for t in schema.tables}
        for name, feature in used:
            (self.histories if isinstance(feature, History) else self.row_features)[name.partition(".")[0]].append(name)
        self.kept: set[str] = set()

    def run(self) -> Seats:
        _check_given(self.schema, self.labels)
        seen: dict[str, dict[str, list[str]]] = {}
        roles: dict[str, Role] = {}
        for name, task in self.schema.tasks.items():
            reached = self._reach(task.table)
            self.seats.paths.setdefault(task.table, {r.name: p for r, p in reached})
            roles |= {r.name: r for r, _ in reached if r.name not in roles}
            answer = self._answer(name, task, reached)
            self.kept |= self._text(name, task)
            seen[name] = self._visible(name, task, reached, answer)
            if not seen[name]:
                raise RecipeError(
                    f"Task `{name}` on table `{task.table}` should see at least one feature. The columns its table's labels "
                    f"name are hidden; list features of `{task.table}` or of a table it has a key to, or name them "
                    f"in `inputs`."
                )
            for role, features in seen[name].items():
                self.kept |= set(features) | ({role} if roles[role].history else set())
        self._keep_neighbours()
        self._drop_empty(roles)
        for name, task in self.schema.tasks.items():
            self._group(name, task, seen[name], roles)
        self.seats.features = [n for n in self.schema.features if n in self.kept]
        return self.seats

    def _reach(self, start: str) -> list[tuple[Role, list[str]]]:
        """Follow keys breadth first; the first path to a table takes its name."""
        result: list[tuple[Role, list[str]]] = []
        named: set[str] = set()
        queue: deque[tuple[str, list[str], frozenset[tuple[str, str]]]] = deque([(start, [], frozenset())])
        while queue:
            table, path, edges = queue.popleft()
            first = table not in named
            named.add(table)
            if self.row_features[table]:
                result.append((Role(name=table if first else f"{table}:{'.'.join(path)}", table=table), path))
            for history in self.histories[table] if first else []:
                feature = self.schema.features[history]
                assert isinstance(feature, History)
                events, item, _ = history_keys(self.schema, history, feature)
                items = self.schema.tables[events].keys[item]
                if not self.row_features[items]:
                    raise RecipeError(
                        f"History `{history}` reads rows of `{items}`, which should have a feature. Found none."
                    )
                result.append((Role(name=history, table=items, history=history), path))
            for key, target in self.schema.tables[table].keys.items():
                if (table, key) not in edges and len(path) < _DEEPEST:
                    queue.append((target, [*path, key], edges | {(table, key)}))
        return result

    def _answer(self, name: str, task: Task, reached: list[tuple[Role, list[str]]]) -> str | None:
        """Find the key that holds the right answer of a retrieval or relatedness task, and note its role."""
        keys = list(self.schema.tables[task.table].keys)
        if task.kind not in ("retrieval", "relatedness"):
            return None
        label = task.label.strip().strip('"')
        if label not in keys and task.kind == "retrieval":
            raise RecipeError(
                f"Task `{name}`: the label of a retrieval task should be a key column of table `{task.table}`. Found "
                f"`{task.label}`; the keys are {keys}.{nearest(label, keys)}"
            )
        query: str | None = None
        if task.kind == "relatedness":
            if len(keys) < 2:
                raise RecipeError(f"Task `{name}`: a relatedness table should have two keys. `{task.table}` has {keys}.")
            query, key = self._pair(task.table, label)
        else:
            key = label
        by_path = {tuple(p): r.name for r, p in reached if r.history is None}
        for wanted, noted in ((query, self.seats.query), (key, self.seats.target)):
            if wanted is None:
                continue
            table = self.schema.tables[task.table].keys[wanted]
            if (wanted,) not in by_path:
                raise RecipeError(f"Task `{name}`: table `{table}` behind key `{wanted}` should have a feature. Found none.")
            noted[name] = by_path[(wanted,)]
        target = self.schema.tables[task.table].keys[key]
        asked = [f for f in self.row_features[target] if task.inputs is not None and f in task.inputs]
        self.kept |= set(asked or self.row_features[target])
        return key

    def _text(self, name: str, task: Task) -> set[str]:
        """Find the text at whose tokens a task says something."""
        if task.text is None:
            return set()
        place = f"{task.table}.{task.text}"
        feature = self.schema.features.get(place)
        if not isinstance(feature, Text) or feature.of is not None:
            found = (
                "none"
                if feature is None
                else f"{feature.kind}" + (" of several columns" if isinstance(feature, Text) else "")
            )
            raise RecipeError(
                f"Task `{name}`: `text: {task.text}` should name a column of table `{task.table}` that is read as text, "
                f"since something is said at its tokens. Found {found}. Write `{place}: text` under `features`."
            )
        return {place}

    def _pair(self, table: str, label: str) -> tuple[str, str]:
        keys = self.schema.tables[table].keys
        if label in keys:
            return next(k for k in keys if k != label), label
        for first, target in keys.items():
            for second in list(keys)[list(keys).index(first) + 1 :]:
                if keys[second] == target:
                    return first, second
        first, second = list(keys)[:2]
        return first, second

    def _visible(
        self, name: str, task: Task, reached: list[tuple[Role, list[str]]], answer: str | None
    ) -> dict[str, list[str]]:
        """List the features of each role that a task may see."""
        keys = self.schema.tables[task.table].keys
        hidden: set[str] = set()
        for other, columns in self.labels.items():
            if self.schema.tasks[other].table == task.table:
                answers = self.schema.tasks[other].kind in ("retrieval", "relatedness")
                hidden |= {f"{task.table}.{c}" for c in columns if other == name or not (answers and c in keys)}
        closed = {c for c in self.labels[name] if c in keys} | ({answer} if answer else set())
        hidden |= {f"{task.table}.{answer}"} if answer else set()
        allowed = self._inputs(name, task)
        result: dict[str, list[str]] = {}
        for role, path in reached:
            if path and path[0] in closed:
                continue
            own = [f for f in self.row_features[role.table] if not self._joins(f, path, hidden, closed, allowed)]
            if role.history is not None:
                if allowed is not None and role.history not in allowed:
                    continue
                visible = [f for f in own if f not in hidden]
            else:
                visible = [f for f in own if (f not in hidden if allowed is None else self._allowed(f, allowed, hidden))]
            if visible:
                result[role.name] = visible
        return result

    def _joins(
        self, feature: str, path: list[str], hidden: set[str], closed: set[str], allowed: dict[str, bool] | None
    ) -> bool:
        """Say whether a text made of several holds one that is hidden, so that it has to be hidden too."""
        described = self.schema.features[feature]
        if not isinstance(described, Text) or described.of is None or (allowed is not None and allowed.get(feature)):
            return False
        places = places_of(self.schema.tables, feature, described.of)
        return any(f"{p.table}.{p.column}" in hidden or (not path and {*p.keys[:1]} & closed) for p in places)

    @staticmethod
    def _allowed(feature: str, allowed: dict[str, bool], hidden: set[str]) -> bool:
        return feature in allowed and (allowed[feature] or feature not in hidden)

    def _inputs(self, name: str, task: Task) -> dict[str, bool] | None:
        """Spell out `inputs`: feature -> whether it was named itself, which also opens a label column."""
        if task.inputs is None:
            return None
        result: dict[str, bool] = {}
        known = [f for features in (*self.row_features.values(), *self.histories.values()) for f in features]
        for entry in task.inputs:
            if entry in self.schema.tables:
                for feature in self.row_features[entry] + self.histories[entry]:
                    result.setdefault(feature, False)
            elif entry in known:
                result[entry] = True
            else:
                raise RecipeError(
                    f"Task `{name}`: `inputs` should name features as `table.column`, or tables. Found `{entry}`."
                    f"{nearest(entry, known + list(self.schema.tables))}"
                )
        return result

    def _keep_neighbours(self) -> None:
        """Keep what is read of the rows that graph features lead to: all of their features but graphs of their own."""
        graphs = {n: f for n, f in self.schema.features.items() if n in self.kept and isinstance(f, Graph)}
        for name, graph in graphs.items():
            target = fact_keys(self.schema, name, graph).target
            read = [f for f in self.row_features[target] if not isinstance(self.schema.features[f], Graph)]
            if not read:
                raise RecipeError(f"Graph `{name}` leads to rows of `{target}`, which should have a feature. Found none.")
            self.kept |= set(read)

    def _drop_empty(self, roles: dict[str, Role]) -> None:
        filled = {t for t, features in self.row_features.items() if self.kept & set(features)}
        stays = {n for n, r in roles.items() if r.table in filled and (r.history is None or r.history in self.kept)}
        self.seats.roles = [r for n, r in roles.items() if n in stays]
        self.seats.paths = {t: {r: p for r, p in paths.items() if r in stays} for t, paths in self.seats.paths.items()}

    def _group(self, name: str, task: Task, seen: dict[str, list[str]], roles: dict[str, Role]) -> None:
        order = [r.name for r in self.seats.roles if r.name in seen]
        hidden = [
            f"{role}/{feature}"
            for role in order
            for feature in self.row_features[roles[role].table]
            if feature in self.kept and feature not in seen[role]
        ]
        for group in self.seats.groups:
            if (group.table, group.roles, group.hidden) == (task.table, order, hidden):
                group.tasks.append(name)
                return
        self.seats.groups.append(Group(table=task.table, tasks=[name], roles=order, hidden=hidden))
