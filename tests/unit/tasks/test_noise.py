"""Numbers that look drawn: the published generator, even and apart."""

import torch

from plait.tasks.noise import noise

_ALL = (1 << 64) - 1


def split_mix(state: int) -> int:
    """The mixing of SplitMix64 in whole numbers of any size."""
    x = state & _ALL
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _ALL
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _ALL
    return x ^ (x >> 31)


def test_the_published_mixing() -> None:
    # The first number of SplitMix64 from seed 1234567, as its reference implementation prints it.
    assert split_mix(1234567 + 0x9E3779B97F4A7C15) == 6457827717110365317
    step = 0x9E3779B97F4A7C15
    for key, place, turn, purpose in ((0, 0, 0, 0), ((1 << 62) + 5, 511, (1 << 63) - 1, 2), (77, 3, 12, 1)):
        expected = (split_mix(split_mix(key + step * (turn + 1)) + step * (4 * place + purpose + 1)) >> 11) * 2.0**-53
        assert float(noise(torch.tensor([key]), torch.tensor([place]), turn, purpose)) == expected


def test_even_and_without_a_rhythm() -> None:
    keys, places = torch.arange(200).repeat_interleave(100), torch.arange(100).repeat(200)
    first, second = noise(keys, places, 1, 0), noise(keys, places, 2, 0)
    assert abs(float(first.mean()) - 0.5) < 0.01
    assert float(torch.histc(first.float(), 10, 0, 1).std()) < 100
    for other in (second, noise(keys, places, 1, 1), first.roll(1), first.roll(100)):
        assert abs(float(torch.corrcoef(torch.stack([first, other]))[0, 1])) < 0.03


def test_no_place_no_number() -> None:
    none = torch.empty(0, dtype=torch.int64)
    assert noise(none, none, 0, 0).shape == (0,)
