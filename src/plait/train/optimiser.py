"""What changes the model: AdamW for everything dense, row-wise updates for embeddings."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from plait.encode.ids import FusedEmbedding
from plait.train.protocol import Trainable
from plait.train.rows import Looked, RowAdagrad, RowAdam, RowOptimiser
from plait.train.settings import Train

__all__ = ["Optimiser", "decayed"]

_ROW_RATES: Final = {"adam": 0.003, "adagrad": 0.05}
"""Learning rates of rows that go with each rule where the recipe names none."""
_NORMS: Final = (nn.LayerNorm, nn.RMSNorm, nn.GroupNorm, nn.modules.batchnorm._BatchNorm)


@final
class _FusedAdamW(torch.optim.AdamW):
    """AdamW whose fused kernel divides gradients by a tensor and leaves everything as it is where another tensor is 1."""

    grad_scale: Tensor | None = None
    found_inf: Tensor | None = None


@final
class Optimiser:
    """Update a model and what its balancer learns.

    Args:
        model: its weight matrices are decayed, its biases, norms and embeddings are not; it may ask for learning rates.
        extra: further modules whose parameters are learned with it, not decayed.
        settings: learning rates and decay.
        only: the dense parameters to train, and no embedding; everything that requires a gradient where None.

    Attributes:
        dense: the parameters that AdamW changes.
        rows: what changes each table of embeddings, and its learning rate.
    """

    def __init__(
        self,
        model: Trainable,
        extra: Sequence[nn.Module],
        settings: Train.Settings,
        only: Iterable[nn.Parameter] | None = None,
    ) -> None:
        wanted = None if only is None else {id(parameter) for parameter in only}
        decay, plain = decayed(model)
        plain = plain + [parameter for module in extra for parameter in module.parameters()]
        decay, plain = (
            [p for p in some if p.requires_grad and (wanted is None or id(p) in wanted)] for some in (decay, plain)
        )
        own = {id(parameter): rate for parameter, rate in model.rates()}
        groups: dict[tuple[int, float], list[nn.Parameter]] = {}
        for number, some in enumerate((decay, plain)):
            for parameter in some:
                groups.setdefault((number, own.get(id(parameter), settings.learning_rate)), []).append(parameter)
        self.dense = [parameter for some in groups.values() for parameter in some]
        self._dense_rates = [rate for _, rate in groups]
        weights = [(settings.weight_decay, 0.0)[number] for number, _ in groups]
        found = [{"params": some, "weight_decay": w} for some, w in zip(groups.values(), weights, strict=True)]
        self._adamw = _FusedAdamW(found, fused=True) if self.dense else None
        rule = RowAdam if settings.embedding_optimiser == "adam" else RowAdagrad
        rate = settings.embedding_learning_rate or _ROW_RATES[settings.embedding_optimiser]
        # What asks for a rate is pretrained, and its rate is one of Adam.
        self.rows: list[tuple[RowOptimiser, float]] = [
            (RowAdam(table), own[id(table.weight)]) if id(table.weight) in own else (rule(table), rate)
            for table in (model.embeddings() if only is None else [])
        ]

    def step(
        self, looked: Sequence[Looked | None], factor: float, scale: Float[Tensor, ""], skip: Float[Tensor, ""]
    ) -> None:
        """Update everything that has a gradient, and forget the gradients.

        Args:
            looked: per embedding what was looked up, with gradients.
            factor: what the learning rates are multiplied by.
            scale: the gradients are divided by it.
            skip: 1 where nothing may change; it is not read on the host unless it lies there.
        """
        on_host = skip.device.type == "cpu"
        if on_host and bool(skip):
            self.forget()
            return
        if self._adamw is not None:
            for group, rate in zip(self._adamw.param_groups, self._dense_rates, strict=True):
                group["lr"] = rate * factor
            self._adamw.grad_scale, self._adamw.found_inf = scale, None if on_host else skip
            self._adamw.step()
        if self.rows:
            for (rows, rate), found in zip(self.rows, looked, strict=True):
                if found is not None:
                    rows.step(found, rate * factor, scale, None if on_host else skip)
        self.forget()

    def forget(self) -> None:
        """Drop the gradients."""
        if self._adamw is not None:
            self._adamw.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the state as flat tensors: `dense.number.name` and `rows.number.name`."""
        dense = {} if self._adamw is None else self._adamw.state_dict()["state"]
        flat = {f"dense.{number}.{name}": tensor for number, state in dense.items() for name, tensor in state.items()}
        for number, (rows, _) in enumerate(self.rows):
            flat |= {f"rows.{number}.{name}": tensor for name, tensor in rows.state.items()}
        return flat

    def load_state_dict(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over what `state_dict` returned."""
        state: dict[int, dict[str, Tensor]] = {}
        for key, tensor in tensors.items():
            part, _, rest = key.partition(".")
            if part == "dense":
                number, _, name = rest.partition(".")
                state.setdefault(int(number), {})[name] = tensor
        if self._adamw is not None:
            self._adamw.load_state_dict({"state": state, "param_groups": self._adamw.state_dict()["param_groups"]})
        for place, (rows, _) in enumerate(self.rows):
            for name, tensor in rows.state.items():
                tensor.copy_(tensors[f"rows.{place}.{name}"])


def decayed(model: Trainable) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Part the dense parameters of a model into those that are decayed and the others.

    Decayed are weight matrices. Biases (by name, since those of stacked experts are matrices too), vectors, norms and
    ordinary embeddings are not. Fused embeddings are in neither part: their rows are updated in place.
    """
    decay: list[nn.Parameter] = []
    plain: list[nn.Parameter] = []
    seen: set[int] = set()
    for _, module in model.named_modules():
        if isinstance(module, FusedEmbedding):
            continue
        for name, parameter in module.named_parameters(recurse=False):
            if id(parameter) in seen:
                continue
            seen.add(id(parameter))
            spared = parameter.ndim < 2 or "bias" in name or name == "absent" or isinstance(module, (*_NORMS, nn.Embedding))
            (plain if spared else decay).append(parameter)
    return decay, plain
