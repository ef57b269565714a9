"""Which columns look like something worth predicting, and the label that reads them."""

from __future__ import annotations

import re

from plait.data.infer.guess import Likely
from plait.data.infer.kinds import Choice
from plait.data.infer.names import looks_like_id, says, singular, words
from plait.data.infer.profile import Profile
from plait.schema import Category, TaskKind

__all__ = ["likely_labels", "positive_value", "quote"]

_SURE = frozenset("label target y outcome class objective 标签".split())
_EVENTS = frozenset(
    "click clicked visit visited conversion converted buy bought purchase purchased order ordered like liked response"
    " responded deposit subscribed subscribe recommend recommended churn churned fraud survived positive same match matched"
    " related helpful redeemed redeem approved exited success signup installed returned cancelled canceled booked paid"
    " watched finished share shared follow followed favorite favourite cart install spam toxic duplicate relevant readmitted"
    " attrition defaulted sentiment income 点击 购买 好评".split()
)
_ATTRIBUTES = frozenset("education marital salary grade risk severity quality".split())
_STARS = frozenset("rating ratings star stars overall score grade stars_given 评分".split())
_AMOUNTS = frozenset(
    "spend spent amount revenue sales gmv cost payment donation turnover value profit price watch_time 金额".split()
)
_TOPICS = frozenset(
    "category cat genre genres topic topics department class type tag tags subject section product sector theme"
    " 类别 分类".split()
)
_TRUE = ("1", "1.0", "true", "True", "yes", "Yes", "YES", "y", "Y", "t", "positive", "pos", "是")
_FALSE = ("0", "0.0", "-1", "false", "False", "no", "No", "NO", "n", "N", "f", "negative", "neg", "否")
_RESERVED = frozenset(
    "all and any as asc at between by case cast check column create default desc distinct do else end except false for from"
    " full group having in inner into is join left like limit not null offset on or order outer primary right select some"
    " table then to true union unique using when where window with grant user values row rows position time timestamp"
    " date".split()
)
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def quote(column: str) -> str:
    """Write a column name as SQL reads it: in quotes where it is no plain word."""
    return column if _PLAIN.match(column) and column.lower() not in _RESERVED else '"' + column.replace('"', '""') + '"'


def positive_value(seen: Profile) -> str | None:
    """Name the value of a two-valued column that means yes; where none does, the rarer one. None for 0 and 1."""
    values = [value for value, _ in seen.top]
    if seen.shape == "truth" or set(values) <= {"0", "1"}:
        return None
    for sure in _TRUE:
        if sure in values:
            return sure
    for sure in _FALSE:
        if sure in values:
            return next(value for value in values if value != sure)
    return values[-1]


def likely_labels(seen: Profile, choice: Choice, texts: tuple[str, ...], last: bool) -> list[Likely]:
    """Say which tasks one column suggests.

    Args:
        seen: the column.
        choice: how it is read as a feature.
        texts: text features of its table, as `table.column`.
        last: whether it is the last column, where tables often keep their label.

    Returns:
        None, one or two tasks (stars: liked or not, and how many).
    """
    if seen.distinct < 2 or seen.rows < 10 or seen.shape in ("other", "vector", "time", "empty"):
        return []
    sure = _names_label(seen.name)
    if seen.distinct == 2 and seen.shape in ("truth", "integer", "text"):
        named = says(seen.name, _EVENTS | _ATTRIBUTES)
        return [_binary(seen, 1 if sure else 2 if named else 4 if last else 7)]
    if seen.shape == "text" and {value.lower() for value, _ in seen.top} == {"yes", "no", "unknown"}:
        yes, no = (next(v for v, _ in seen.top if v.lower() == meant) for meant in ("yes", "no"))
        label = f"CASE {quote(seen.name)} WHEN '{yes}' THEN 1 WHEN '{no}' THEN 0 END"
        share = dict(seen.top)[yes] / (dict(seen.top)[yes] + dict(seen.top)[no])
        why = f"{share:.1%} positive where known"
        return [Likely(_task_name(seen), "binary", seen.table, label, (seen.name,), why, rank=2 if sure else 7)]
    if seen.shape in ("integer", "fraction"):
        return _numeric(seen, choice, sure, last)
    if isinstance(choice.feature, Category):
        return _classes(seen, choice.feature, texts, sure, last)
    return []


def _names_label(name: str) -> bool:
    """Tell whether a column is called a label, a target or the like; `class_of_worker` is not."""
    parts = words(name)
    return bool(parts) and (parts[-1] in _SURE or (parts[0] in _SURE and parts[0] != "class" and len(parts) < 3))


def _task_name(seen: Profile) -> str:
    """Name a task like its column."""
    return "_".join(words(seen.name)) or "label"


def _binary(seen: Profile, rank: int) -> Likely:
    """Read a two-valued column as yes or no."""
    column, yes = quote(seen.name), positive_value(seen)
    counts = dict(seen.top)
    ones = counts.get(yes) if yes is not None else counts.get("1", counts.get("True", counts.get("true", 0)))
    number = seen.shape in ("integer", "fraction")
    label = column if yes is None else f"{column} = {yes}" if number else f"{column} = '{yes.replace(chr(39), chr(39) * 2)}'"
    why = f"{(ones or 0) / max(seen.filled, 1):.1%} positive"
    return Likely(_task_name(seen), "binary", seen.table, label, (seen.name,), why, rank=rank)


def _numeric(seen: Profile, choice: Choice, sure: bool, last: bool) -> list[Likely]:
    """Read numbers as stars, an amount, classes or a quantity."""
    name, column = _task_name(seen), quote(seen.name)
    if says(seen.name, _STARS) and 3 <= seen.distinct <= 21 and 0 <= seen.low < seen.high <= 10:
        bound = 4 if seen.high == 5 else round(seen.low + 0.7 * (seen.high - seen.low))
        share = sum(count for value, count in seen.top if float(value) >= bound) / max(seen.filled, 1)
        kept = f"{share:.1%} positive"
        stars = f"{seen.distinct} steps from {seen.low:g} to {seen.high:g}"
        return [
            Likely("like", "binary", seen.table, f"{column} >= {bound:g}", (seen.name,), kept, rank=1),
            Likely("stars", "regression", seen.table, column, (seen.name,), stars, rank=2),
        ]
    if seen.zeros > 0.3 and seen.low >= 0 and (says(seen.name, _AMOUNTS) or sure):
        why = f"{seen.zeros:.1%} zeros, up to {seen.high:,.6g}"
        return [Likely(name, "amount", seen.table, column, (seen.name,), why, rank=2)]
    if not (sure or (last and isinstance(choice.feature, Category))) or looks_like_id(seen.name):
        return []
    if isinstance(choice.feature, Category) and seen.distinct <= 100:
        why = f"{seen.distinct} classes"
        return [Likely(name, "multiclass", seen.table, column, (seen.name,), why, rank=1 if sure else 4)]
    why = f"{seen.low:,.6g} to {seen.high:,.6g}"
    return [Likely(name, "regression", seen.table, column, (seen.name,), why, rank=1 if sure else 4)]


def _classes(seen: Profile, feature: Category, texts: tuple[str, ...], sure: bool, last: bool) -> list[Likely]:
    """Read a category as classes: named like a label, or a topic beside texts."""
    name, column = _task_name(seen), quote(seen.name)
    many = feature.separator is not None or seen.shape == "list"
    count = seen.many.values if seen.many else seen.distinct
    topic = bool(texts) and says(seen.name, _TOPICS)
    if not (sure or topic or last or says(seen.name, _ATTRIBUTES)):
        return []
    if not 2 < count <= 500 or (seen.repeats < 5 and not many):
        return []
    top, times = seen.top[0]
    why = f"{count:,} classes" if many else f"{count:,} classes, {times / seen.filled:.0%} are {' '.join(top.split())[:30]}"
    rank = 1 if sure else 3 if topic or says(seen.name, _ATTRIBUTES) else 4
    rank = rank if seen.filled > 0.2 * seen.rows else 8
    name = singular(name) if topic and many else name
    inputs = texts if topic else None
    kind: TaskKind = "multilabel" if many else "multiclass"
    return [Likely(name, kind, seen.table, column, (seen.name,), why, inputs=inputs, rank=rank)]
