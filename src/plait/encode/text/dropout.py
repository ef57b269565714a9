"""Dropout from an eighth of the random numbers: on a processor drawing them took a tenth of tuning an encoder."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, final

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

__all__ = ["ByteDropout", "byte_dropout"]

_STEPS: Final = 256


@final
class ByteDropout(TorchFunctionMode):
    """Inside of it `torch.nn.functional.dropout`, called by whichever module, is `byte_dropout` on the host."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        """Call a function of torch, or what stands for it."""
        named = kwargs or {}
        return byte_dropout(*args, **named) if func is functional.dropout else func(*args, **named)


def byte_dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Set numbers to zero by chance and scale the others, so that the mean stays.

    One byte is drawn for a number, eight at a time, from torch's own generator; `p` is rounded to 1/256, and the scale goes
    with what it was rounded to. What is on another device, changed in place, or rounds to nothing or all is left to torch.

    Args:
        input: any numbers.
        p: the chance of a zero.
        training: whether anything happens.
        inplace: as torch has it.
    """
    cut = round(p * _STEPS)
    if not training or inplace or input.device.type != "cpu" or not 0 < cut < _STEPS:
        return functional.dropout(input, p, training, inplace)
    count = input.numel()
    drawn = torch.empty((count + 7) // 8, dtype=torch.int64).random_(-(2**63), None)
    kept = drawn.view(torch.uint8)[:count].view(input.shape) >= cut
    return input * kept * (_STEPS / (_STEPS - cut))
