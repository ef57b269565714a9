"""How often rules were broken: by labels in each part, and by predictions on the test part before they were enforced."""

from __future__ import annotations

import torch
from torch import Tensor

from plait.data.columns import PARTS, Columns, Prepared
from plait.layout import RuleLayout, TaskLayout
from plait.model import MultiTaskModel
from plait.report.content import RuleReport
from plait.run.outcomes import Scorer
from plait.tasks.base import TwoTower
from plait.tasks.rules import broken, forbidden_weight

__all__ = ["rule_reports"]

_TOP = 10
_QUERIES = 1_024


def rule_reports(model: MultiTaskModel, prepared: Prepared) -> dict[str, RuleReport]:
    """Count for every rule the labels and the predictions that break it.

    Args:
        model: on the CPU.
        prepared: its tables.
    """
    scorer = Scorer(model, prepared, torch.device("cpu"))
    return {name: _report(scorer, prepared, rule) for name, rule in prepared.layout.rules.items()}


def _report(scorer: Scorer, prepared: Prepared, rule: RuleLayout) -> RuleReport:
    task, columns = prepared.layout.tasks[rule.task], prepared.tables[rule.table]
    ruled = columns.rules[rule.name]
    touched = ruled.forbidden.any(1)
    rows = {part: prepared.rows(rule.task, part) for part in PARTS}
    some = {part: found[touched[ruled.kinds[found].long()]] for part, found in rows.items()}
    counted = {part: int(_labels(prepared, task, rule, columns, found).sum()) for part, found in some.items()}
    against = (_ranked if task.target is not None else _predicted)(scorer, task, rule, some["test"])
    return RuleReport(
        task=rule.task,
        rule=rule.rule,
        classes=[task.classes[number] for number in rule.classes],
        forbidden={part: len(found) for part, found in some.items()},
        labels=counted,
        predictions=int(against[0].sum()),
        given=float(against[1].mean()) if len(against[1]) else None,
    )


def _labels(prepared: Prepared, task: TaskLayout, rule: RuleLayout, columns: Columns, rows: Tensor) -> Tensor:
    """Say which labels of examples to which something is forbidden are just that."""
    if task.target is not None:
        assert task.target_role is not None
        key = columns.layout.keys[prepared.layout.paths[task.table][task.target_role][0]]
        answers = columns.matrix[:, key].index_select(0, rows).long()
        ruled = columns.rules[rule.name].at(rows)
        return ruled.forbidden[ruled.kinds.long(), prepared.rule_kinds[rule.name][answers].long()]
    label = columns.labels[rule.task].index_select(0, rows)
    if not rule.classes:
        return label[:, 0] > 0
    return (label[:, :, None] == torch.tensor(rule.classes).float()).flatten(1).any(1)


def _predicted(scorer: Scorer, task: TaskLayout, rule: RuleLayout, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Say which predictions would break a rule, and what they give to the forbidden."""
    output = scorer.outputs(task.table, rows, [rule.task], enforced=False)[rule.task]
    if not len(rows):
        return torch.zeros(0, dtype=torch.bool), torch.zeros(0)
    return broken(task, output, rule.classes), forbidden_weight(task, output, rule.classes)


def _ranked(scorer: Scorer, task: TaskLayout, rule: RuleLayout, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Say which of the best ten of each query would be forbidden: whether any, and how large a share."""
    queries = scorer.outputs(task.table, rows, [rule.task])[rule.task]
    head, places = scorer.model.head(rule.task), scorer.candidates(rule.task)
    assert isinstance(head, TwoTower)
    ruled, kinds = scorer.prepared.tables[rule.table].rules[rule.name], scorer.prepared.rule_kinds[rule.name]
    shares = [torch.zeros(0)]
    for query, some in zip(torch.split(queries, _QUERIES), torch.split(rows, _QUERIES), strict=True) if len(rows) else ():
        with torch.no_grad():
            scores = head.scores(query, places)
        scores[:, 0] = -torch.inf
        top = scores.topk(min(_TOP, scores.shape[1] - 1), dim=1).indices
        shares.append(ruled.at(some).pairs(kinds).gather(1, top).float().mean(1))
    share = torch.cat(shares)
    return share > 0, share
