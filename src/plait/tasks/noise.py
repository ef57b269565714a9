"""Numbers that look drawn and are a pure function of what they are for: which tokens are hidden in which step."""

from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["noise"]

_STEP = -7046029254386353131
_FIRST, _SECOND = -4658895280553007687, -7723592293110705685


def noise(keys: Int[Tensor, " T"], places: Int[Tensor, " T"], turn: int, purpose: int) -> Float[Tensor, " T"]:
    """Return a number from 0 to below 1 for each key and place, float64, the same on every device.

    A counter is mixed as SplitMix64 does; nothing is carried from one call to the next, so that any step can be taken again.

    Args:
        keys: int64, what the places are of.
        places: int64.
        turn: changes all numbers, from step to step.
        purpose: tells apart what is drawn for the same place.

    References:
        Steele et al.: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014, https://doi.org/10.1145/2660193.2660195.
    """
    mixed = _mix(keys + _signed(_STEP * (turn + 1)))
    return _shift(_mix(mixed + _STEP * (4 * places + purpose + 1)), 11).double() * 2.0**-53


def _mix(x: Int[Tensor, " T"]) -> Int[Tensor, " T"]:
    x = (x ^ _shift(x, 30)) * _FIRST
    x = (x ^ _shift(x, 27)) * _SECOND
    return x ^ _shift(x, 31)


def _signed(number: int) -> int:
    """Keep the lowest 64 bits, as products of tensors do."""
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)


def _shift(x: Int[Tensor, " T"], bits: int) -> Int[Tensor, " T"]:
    """Shift right and fill with zeros."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)
