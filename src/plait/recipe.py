"""The recipe: all settings of a job in one frozen object, read from YAML, resolved, written back with every default.

The settings of a part stand beside the part; here they are only gathered and checked against each other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BeforeValidator, Field, ValidationError, model_validator

from plait import schema
from plait.balance import AnyBalance, Average
from plait.data.graph import fact_keys, tables_of_tails
from plait.data.rules.reading import rule_problems
from plait.encode.audio.settings import Audio
from plait.encode.fusion import AnyFusion, Concat
from plait.encode.graph import AnyGraph, Attentive
from plait.encode.history import AnyHistory, Attention
from plait.encode.image.settings import Image
from plait.encode.text.settings import Text
from plait.errors import RecipeError, nearest
from plait.measure import decisive, metrics
from plait.schema import Feature, Graph, History, Rule, Schema, Settings, Split, Table, short_form
from plait.share import AnySharing, MMoE
from plait.tasks import AnyTask, fitting, levels, task_problems
from plait.train.settings import Train

__all__ = ["Model", "Recipe", "load_recipe"]


class Model(Settings):
    """The shape of the model."""

    width: int = Field(default=16, ge=1)
    """Length of one embedding."""
    vector_width: int = Field(default=64, ge=1)
    """Length to which the vectors of texts, pictures, sounds and given embeddings are projected."""
    numbers: Literal["plain", "piecewise"] = "piecewise"
    """How a number enters: as it is, or by its place between quantiles (piecewise-linear, projected to `width`)."""
    sharing: Annotated[AnySharing, BeforeValidator(short_form)] = MMoE.Settings()
    """What the tasks share."""
    tower: list[int] = Field(default=[64])
    """Layer widths of each task's own tower."""
    text: Text.Settings = Text.Settings()
    """The pretrained text encoder."""
    image: Image.Settings = Image.Settings()
    """The pretrained picture encoder."""
    audio: Audio.Settings = Audio.Settings()
    """How sounds are read."""
    fusion: Annotated[AnyFusion, BeforeValidator(short_form)] = Concat.Settings()
    """How texts, pictures, sounds and given vectors of a row come together."""
    history: Annotated[AnyHistory, BeforeValidator(short_form)] = Attention.Settings()
    """How a history becomes one vector."""
    graph: Annotated[AnyGraph, BeforeValidator(short_form)] = Attentive.Settings()
    """How the facts known of a row become one vector."""


class Recipe(Settings):
    """Everything about one job. `name`, `tables` and `tasks` are enough."""

    name: str
    seed: int = Field(default=17, ge=0)
    """Every random choice follows from it."""
    tables: dict[str, Table] = Field(min_length=1)
    """Where rows come from."""
    features: dict[str, Feature] = Field(default_factory=dict)
    """`table.column` -> how it is read; columns not named are inferred."""
    tasks: dict[str, AnyTask] = Field(min_length=1)
    """What is predicted."""
    rules: dict[str, Rule] = Field(default_factory=dict)
    """What must hold for a task's outcome: learned, enforced in predictions, reported where broken."""
    split: Split = Split()
    """Which rows train, validate and test."""
    model: Model = Model()
    """The shape of the model."""
    balance: Annotated[AnyBalance, BeforeValidator(short_form)] = Average.Settings()
    """How much each task moves the shared part."""
    train: Train.Settings = Train.Settings()
    """Optimisation."""

    @model_validator(mode="before")
    @classmethod
    def _auto_features(cls, values: Any) -> Any:
        """Read `features: auto` (or an entry `auto: ...`) as nothing named."""
        if isinstance(values, dict) and values.get("features") in ("auto", None):
            return {key: value for key, value in values.items() if key != "features"}
        if isinstance(values, dict) and isinstance(values["features"], dict) and isinstance(values.get("tables"), dict):
            return {**values, "tables": tables_of_tails(values["tables"], values["features"])}
        return values

    @model_validator(mode="after")
    def _fits_together(self) -> Recipe:
        problems = [*_table_problems(self), *_feature_problems(self), *_task_problems(self), *task_problems(self.tasks)]
        problems += [*self.model.sharing.problems(list(self.tasks)), *rule_problems(self.tasks, self.rules)]
        if problems:
            raise ValueError("\n".join(problems))
        return self

    @property
    def schema_(self) -> Schema:
        """The part of the recipe that preparation needs."""
        return Schema(
            tables=self.tables,
            features=self.features,
            tasks=dict(self.tasks),
            split=self.split,
            seed=self.seed,
            rules=self.rules,
        )

    def metric(self, task: str) -> str:
        """Return the figure that decides a task: the one it names, or the one that fits its loss."""
        chosen = self.tasks[task]
        return chosen.metric or fitting(chosen) or decisive(chosen.kind)

    def alone(self, task: str, batch: int) -> Recipe:
        """Return the same recipe with one task only: its baseline, of the same size and budget.

        Args:
            task: the task.
            batch: rows per step of the task's table in the joint training, so that alone takes as many steps.
        """
        train = self.train.model_copy(update={"batch": batch})
        single = self.tasks[task]
        if single.parents:
            single = single.model_copy(update={"given": None, "chain": None})
        # One task needs no balancing, and settings that name other tasks would be refused.
        rules = {name: rule for name, rule in self.rules.items() if rule.task == task}
        update = {"tasks": {task: single}, "rules": rules, "train": train, "balance": Average.Settings()}
        return self.model_copy(update=update)

    def to_yaml(self) -> str:
        """Write the recipe with every default spelled out."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=100)


def load_recipe(source: Path | str | dict[str, Any], changes: Sequence[str] = ()) -> Recipe:
    """Read a recipe.

    Args:
        source: a YAML file, or the same as nested dictionaries.
        changes: overrides such as `train.epochs=5`; the value is read as YAML.

    Raises:
        RecipeError: the file is missing, is no YAML, holds unknown keys or values out of range; the text names each place.
    """
    values = source if isinstance(source, dict) else _read_yaml(Path(source))
    for change in changes:
        values = _changed(values, change)
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        place = "The recipe" if isinstance(source, dict) else f"Recipe `{source}`"
        lines = "\n".join(f"  - {line}" for line in _explain(error))
        raise RecipeError(f"{place} cannot be used as it stands:\n{lines}") from None


class _UniqueKeys(yaml.SafeLoader):
    """Refuses a key that stands twice: YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"`{key.value}` stands twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _read_yaml(path: Path) -> dict[str, Any]:
    if path.is_dir():
        raise RecipeError(f"`{path}` should be a recipe file. Found a folder. `plait init {path}` writes a recipe for it.")
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeys)
    except FileNotFoundError:
        near = nearest(path.name, [p.name for p in path.parent.glob("*.y*ml")]) if path.parent.is_dir() else ""
        raise RecipeError(f"Recipe `{path}` should be a YAML file. Found no such file.{near}") from None
    except UnicodeDecodeError as error:
        raise RecipeError(f"Recipe `{path}` should be UTF-8 text. Found a byte that is not, at {error.start}.") from None
    except yaml.YAMLError as error:
        raise RecipeError(f"Recipe `{path}` should be YAML. {_no_yaml(error)}") from None
    if not isinstance(values, dict):
        raise RecipeError(f"`{path}` should hold keys such as `name`, `tables`, `tasks`. Found {type(values).__name__}.")
    return values


def _no_yaml(error: yaml.YAMLError) -> str:
    """Say where a text stops being YAML, and why."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"Found in line {mark.line + 1}, column {mark.column + 1}: {error.problem}."
    return f"Found: {' '.join(str(error).split())}"


def _changed(values: dict[str, Any], change: str) -> dict[str, Any]:
    """Return a copy of nested dictionaries with one value replaced."""
    path, equals, text = change.partition("=")
    if not equals or not path.strip():
        raise RecipeError(f"An override should look like `train.epochs=5`. Found `{change}`.")
    head, _, rest = path.strip().partition(".")
    if not rest:
        return {**values, head: yaml.safe_load(text)}
    inner = short_form(values.get(head))
    if inner is not None and not isinstance(inner, dict):
        raise RecipeError(f"Override `{change}`: `{head}` should hold keys. Found {inner!r}.")
    if head == "features":
        return {**values, head: {**(inner or {}), rest: yaml.safe_load(text)}}
    return {**values, head: _changed(inner or {}, f"{rest}={text}")}


def _explain(error: ValidationError) -> list[str]:
    """Say each problem with its place, what was found and the nearest known key."""
    lines = []
    for problem in error.errors():
        place = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "value_error" and not place:
            lines += str(problem["ctx"]["error"]).splitlines()
        elif problem["type"] == "extra_forbidden":
            lines.append(f"`{place}` is no known key.{nearest(str(problem['loc'][-1]), _known_keys(problem['loc']))}")
        elif problem["type"] == "missing":
            lines.append(f"`{place}` is missing.")
        elif problem["type"] == "union_tag_invalid":
            found, known = problem["ctx"]["tag"], re.findall(r"'([^']*)'", problem["ctx"]["expected_tags"])
            lines.append(f"`{place}` should be of kind {', '.join(known)}. Found `{found}`.{nearest(found, known)}")
        else:
            lines.append(f"`{place}`: {problem['msg']}. Found {problem['input']!r:.80}.")
    return lines


def _known_keys(place: tuple[int | str, ...]) -> list[str]:
    """Return the keys a settings object at a place knows, for the nearest name."""
    schema: dict[str, Any] = Recipe.model_json_schema()
    found: set[str] = set()
    names = {str(part) for part in place[:-1]}
    for title, definition in [("", schema), *schema.get("$defs", {}).items()]:
        keys = set(definition.get("properties", {}))
        kind = definition.get("properties", {}).get("kind", {}).get("const")
        if (not names and not title) or kind in names or (names and title.lower() in {n.rstrip("s").lower() for n in names}):
            found |= keys
    return sorted(found) or sorted({k for d in schema.get("$defs", {}).values() for k in d.get("properties", {})})


def _table_problems(recipe: Recipe) -> list[str]:
    problems = []
    names = list(recipe.tables)
    for name, table in recipe.tables.items():
        if (table.source is None) == (table.of is None):
            problems.append(
                f"Table `{name}` should have either `source` or `of`. Found {'both' if table.source else 'neither'}."
            )
        if table.of is not None and table.of.split(".")[0] not in names:
            problems.append(f"Table `{name}`: `of` should be `table.column`. Found `{table.of}`.{nearest(table.of, names)}")
        for key, target in table.keys.items():
            if target not in recipe.tables:
                problems.append(
                    f"Table `{name}`: key `{key}` should point at a table of the recipe. "
                    f"Found `{target}`.{nearest(target, names)}"
                )
            elif recipe.tables[target].id is None and recipe.tables[target].of is None:
                problems.append(f"Table `{target}` should name its `id`, since `{name}.{key}` points at it. Found none.")
    return problems


def _feature_problems(recipe: Recipe) -> list[str]:
    problems = []
    names = list(recipe.tables)
    for name, feature in recipe.features.items():
        table, dot, column = name.partition(".")
        if not dot or not column or table not in recipe.tables:
            problems.append(f"Feature `{name}` should be `table.column`. Found no table `{table}`.{nearest(table, names)}")
        elif isinstance(feature, History):
            problems += _history_problems(recipe, name, table, feature)
        elif isinstance(feature, Graph):
            try:
                fact_keys(recipe.schema_, name, feature)
            except RecipeError as error:
                problems.append(str(error))
        elif isinstance(feature, schema.Text) and feature.of is not None:
            try:
                schema.places_of(recipe.tables, name, feature.of)
            except ValueError as error:
                problems.append(str(error))
    return problems


def _history_problems(recipe: Recipe, name: str, owner: str, feature: History) -> list[str]:
    events, _, key = feature.of.partition(".")
    if events not in recipe.tables:
        return [f"History `{name}`: `of` should be `table.key`. Found `{feature.of}`.{nearest(events, list(recipe.tables))}"]
    table = recipe.tables[events]
    problems = []
    if key not in table.keys:
        problems.append(
            f"History `{name}`: `{feature.of}` should be a key of table `{events}`, so that its items can be read. "
            f"Found keys {sorted(table.keys)}.{nearest(key, list(table.keys))}"
        )
    if owner not in table.keys.values():
        problems.append(f"History `{name}`: table `{events}` should have a key to `{owner}`. Found {table.keys}.")
    if table.time is None:
        problems.append(
            f"History `{name}`: table `{events}` should name its `time`, since only the past may be read. Found none."
        )
    return problems


def _task_problems(recipe: Recipe) -> list[str]:
    checks: list[Callable[[str], str | None]] = [
        lambda t: _unless(
            recipe.tasks[t].table in recipe.tables, f"Task `{t}`: no table `{recipe.tasks[t].table}`.", recipe, t
        ),
        lambda t: _retrieval_problem(recipe, t),
        lambda t: _metric_problem(recipe, t),
        lambda t: _delay_problem(recipe, t),
        lambda t: _text_problem(recipe, t),
        lambda t: _filter_problem(recipe, t),
    ]
    return [problem for task in recipe.tasks for check in checks if (problem := check(task)) is not None]


def _unless(fine: bool, words: str, recipe: Recipe, task: str) -> str | None:
    return None if fine else words + nearest(recipe.tasks[task].table, list(recipe.tables))


def _metric_problem(recipe: Recipe, name: str) -> str | None:
    task = recipe.tasks[name]
    known = [metric for metric in metrics(task.kind, levels(task)) if metric not in ("predicted_over_observed", "coverage")]
    if task.metric is None or task.metric in known:
        return None
    return (
        f"Task `{name}`: `metric` should be one that can decide a {task.kind} task: {', '.join(known)}. "
        f"Found `{task.metric}`.{nearest(task.metric, known)}"
    )


def _filter_problem(recipe: Recipe, name: str) -> str | None:
    task = recipe.tasks[name]
    if task.filtered is None or (task.kind == "retrieval" and task.filtered and task.label not in task.filtered):
        return None
    return (
        f"Task `{name}`: `filtered` should name the columns that make up the question of a retrieval task, without its "
        f"label. Found {task.filtered} in a task of kind {task.kind} with the label `{task.label}`."
    )


def _delay_problem(recipe: Recipe, name: str) -> str | None:
    task = recipe.tasks[name]
    table = recipe.tables.get(task.table)
    if task.delay is None or table is None:
        return None
    if task.kind != "binary":
        return (
            f"Task `{name}`: `delay` is of a label that may still become 1, so the task should be of kind binary. "
            f"Found {task.kind}."
        )
    if table.time is None:
        return (
            f"Task `{name}`: with `delay`, table `{task.table}` should name its `time`, because a label's age is counted "
            "from it. Found none."
        )
    return None


def _text_problem(recipe: Recipe, name: str) -> str | None:
    task = recipe.tasks[name]
    if task.text is None:
        return None
    feature = recipe.features.get(f"{task.table}.{task.text}")
    if feature is not None and (not isinstance(feature, schema.Text) or feature.of is not None):
        return (
            f"Task `{name}`: `text: {task.text}` should name a column that is read as text. Found that "
            f"`features.{task.table}.{task.text}` reads it as {feature.kind}. Name another, or read it as text."
        )
    if task.kind == "masked" and recipe.model.text.tune == "frozen":
        return (
            f"Task `{name}` trains the text encoder, so `model.text.tune` should be `lora` or `full`. Found `frozen`, with "
            "which it would learn nothing."
        )
    return None


def _retrieval_problem(recipe: Recipe, name: str) -> str | None:
    task = recipe.tasks[name]
    table = recipe.tables.get(task.table)
    if table is None or task.kind not in ("retrieval", "relatedness"):
        return None
    if task.kind == "retrieval" and task.label not in table.keys:
        return (
            f"Task `{name}`: the label of a retrieval task should be a key of table `{task.table}`, since its rows are the "
            f"candidates. Found `{task.label}`, keys {sorted(table.keys)}.{nearest(task.label, list(table.keys))}"
        )
    if task.kind == "relatedness" and len(table.keys) < 2:
        return f"Task `{name}`: a relatedness table should hold two keys. Found {sorted(table.keys)} in `{task.table}`."
    return None
