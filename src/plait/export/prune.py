"""A body with fewer parts: the experts that tasks lean on least, and the units that say least, are taken out."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from plait.data.batches import gather
from plait.errors import RunError
from plait.recipe import Recipe
from plait.run.run import Run
from plait.share.dselect_k import DSelectK
from plait.share.mmoe import MMoE
from plait.share.ple import PLE
from plait.share.shared_bottom import SharedBottom

__all__ = ["pruned"]

_ROWS = 4_096


def pruned(run: Run, share: float) -> tuple[Recipe, dict[str, Tensor]]:
    """Return a recipe with a smaller body, and the weights that are left.

    Of `mmoe` the experts with the least mean gate over the tasks' training rows are taken out (none where `dselect_k` has
    chosen already), and of every expert the units of inner layers whose weights, in times out, are smallest. Of `ple` the
    same on every level: a task's own experts by its gate, the shared ones by the gates of all tasks. Of `shared_bottom` the
    units alone.

    Args:
        run: the run.
        share: which share of experts, and of units of inner layers.

    Raises:
        RunError: the body is another.
    """
    sharing, weights = run.recipe.model.sharing, run.model.state_dict()
    if isinstance(sharing, MMoE.Settings):
        assert isinstance(run.model.sharing, MMoE)
        keep = list(range(sharing.experts))
        if not isinstance(sharing.gate, DSelectK.Settings):
            use = _use(run)["experts"]
            keep = _most(torch.stack([*use.values()]).sum(0), share)
        sizes = _sizes(sharing.expert, share)
        weights = _experts(run.model.sharing, weights, keep, sizes)
        smaller: Any = sharing.model_copy(update={"experts": len(keep), "expert": sizes})
    elif isinstance(sharing, PLE.Settings):
        weights = _levels(run, sharing, share)
        changes = {
            "task_experts": _left(sharing.task_experts, share),
            "shared_experts": _left(sharing.shared_experts, share),
        }
        smaller = sharing.model_copy(update={**changes, "expert": _sizes(sharing.expert, share)})
    elif isinstance(sharing, SharedBottom.Settings):
        sizes = _sizes(sharing.layers, share)
        place, network = next((n, m) for n, m in run.model.sharing.named_modules() if isinstance(m, nn.Sequential))
        weights |= _units(network, f"sharing.{place}.", sizes)
        smaller = sharing.model_copy(update={"layers": sizes})
    else:
        raise RunError(
            f"`--prune` should be given a run whose body is `mmoe`, `ple` or `shared_bottom`, whose parts can be "
            f"taken out one by one. Found `{sharing.kind}`. `--distil` makes any run smaller."
        )
    model = run.recipe.model.model_copy(update={"sharing": smaller})
    return run.recipe.model_copy(update={"model": model}), weights


def _sizes(layers: list[int], share: float) -> list[int]:
    """Return smaller inner layers; what heads read stays as long as it is."""
    return [*(max(1, round(size * (1 - share))) for size in layers[:-1]), layers[-1]]


def _left(count: int, share: float) -> int:
    """Return how many of some experts stay."""
    return max(1, round(count * (1 - share)))


def _most(use: Tensor, share: float) -> list[int]:
    """Return the experts that are leaned on most, in their order."""
    return sorted(use.argsort(descending=True, stable=True)[: _left(len(use), share)].tolist())


def _use(run: Run) -> dict[str, dict[str, Tensor]]:
    """Return for each level how much each task leans on each expert, over its table's training rows."""
    found: dict[str, dict[str, Tensor]] = {}
    for table in dict.fromkeys(task.table for task in run.layout.tasks.values()):
        rows = torch.cat([run.prepared.rows(n, "train") for n, task in run.layout.tasks.items() if task.table == table])
        some = torch.unique(rows)[:: max(1, len(rows) // _ROWS)][:_ROWS]
        if len(some):
            for level, use in run.model.gates(gather(run.prepared, table, some)).items():
                found.setdefault(level, {}).update(use)
    return found


def _experts(body: MMoE, weights: dict[str, Tensor], keep: list[int], sizes: list[int]) -> dict[str, Tensor]:
    """Return weights with some experts alone, and of each some units."""
    found = {name: tensor for name, tensor in weights.items() if not name.startswith("sharing.experts.")}
    for place, number in enumerate(keep):
        expert = body.experts[number]
        assert isinstance(expert, nn.Sequential)
        before = f"sharing.experts.{number}."
        found |= {
            f"sharing.experts.{place}.{name.removeprefix(before)}": tensor
            for name, tensor in weights.items()
            if name.startswith(before)
        }
        found |= _units(expert, f"sharing.experts.{place}.", sizes)
    if len(keep) < len(body.experts):
        chosen = torch.tensor(keep)
        gates = [name for name in found if name.startswith("sharing.gate.") and ".linear." in name]
        found |= {name: found[name].index_select(0, chosen) for name in gates}
    return found


def _levels(run: Run, sharing: PLE.Settings, share: float) -> dict[str, Tensor]:
    """Return weights with some experts of each level alone, and of each some units; gates lose the columns of the others."""
    assert isinstance(run.model.sharing, PLE)
    weights, tasks = run.model.state_dict(), run.model.names
    found = {name: tensor for name, tensor in weights.items() if not name.startswith("sharing.levels.")}
    own, sizes = sharing.task_experts, _sizes(sharing.expert, share)
    for number, use in enumerate(_use(run).values()):
        level, before = run.model.sharing.levels[number], f"sharing.levels.{number}."
        common = _most(torch.stack([gate[own:] for gate in use.values()]).sum(0), share)
        kept = [_most(use[task][:own] if task in use else torch.zeros(own), share) for task in tasks]
        groups = [(f"{before}shared_experts.", common), *((f"{before}task_experts.{t}.", k) for t, k in enumerate(kept))]
        for group, keep in groups:
            experts = level.get_submodule(group.removeprefix(before).rstrip("."))
            for place, expert in enumerate(keep):
                network = experts.get_submodule(str(expert))
                assert isinstance(network, nn.Sequential)
                found |= _units(network, f"{group}{place}.", sizes)
        gates = {f"{before}task_gates.{t}.": [*k, *(own + expert for expert in common)] for t, k in enumerate(kept)}
        every = [t * own + expert for t, k in enumerate(kept) for expert in k]
        gates[f"{before}shared_gate."] = [*every, *(len(tasks) * own + expert for expert in common)]
        for gate, keep in gates.items():
            for name in (f"{gate}linear.weight", f"{gate}linear.bias"):
                if name in weights:
                    found[name] = weights[name].index_select(0, torch.tensor(keep))
    return found


def _units(network: nn.Sequential, after: str, sizes: list[int]) -> dict[str, Tensor]:
    """Return the weights of a network with the strongest units of its inner layers alone."""
    linears = [(place, part) for place, part in enumerate(network) if isinstance(part, nn.Linear)]
    columns: Tensor | None = None
    found: dict[str, Tensor] = {}
    for number, (place, part) in enumerate(linears):
        weight, bias = part.weight.detach(), part.bias.detach()
        if columns is not None:
            weight = weight.index_select(1, columns)
        columns = None
        if number < len(linears) - 1:
            further = linears[number + 1][1].weight.detach()
            strength = part.weight.detach().norm(dim=1) * further.norm(dim=0)
            columns = strength.argsort(descending=True, stable=True)[: sizes[number]].sort().values
            weight, bias = weight.index_select(0, columns), bias.index_select(0, columns)
        found |= {f"{after}{place}.weight": weight.clone(), f"{after}{place}.bias": bias.clone()}
    return found
