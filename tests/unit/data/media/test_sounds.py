"""Sounds of every rate, width and damage."""

from __future__ import annotations

import importlib.util
import sys
from io import BytesIO

import numpy as np
import pytest

from plait.data.media.content import Unread
from plait.data.media.sounds import decode_sound
from support.tones import tone, wav


def _decoded(content: bytes, rate: int = 16_000, seconds: float = 1.0) -> np.ndarray:
    found = decode_sound(content, rate, seconds)
    assert not isinstance(found, Unread), found
    assert found.dtype == np.float32
    assert found.ndim == 1
    return found


@pytest.mark.parametrize(
    ("kind", "error"),
    [("uint8", 0.02), ("int16", 1e-4), ("int24", 1e-6), ("int32", 1e-6), ("float32", 0), ("float64", 1e-7)],
)
@pytest.mark.parametrize("extensible", [False, True])
def test_wav_of_every_width(kind: str, error: float, extensible: bool) -> None:
    np.testing.assert_allclose(_decoded(wav(tone(440), kind=kind, extensible=extensible)), tone(440), atol=error + 1e-9)


def test_channels_become_one() -> None:
    both = np.stack([tone(440), -tone(440)], axis=1)
    assert np.abs(_decoded(wav(both))).max() < 1e-4


@pytest.mark.parametrize("rate", [8_000, 11_025, 44_100, 48_000])
def test_another_rate_is_resampled(rate: int) -> None:
    found = _decoded(wav(tone(440, rate=rate), rate))
    assert abs(len(found) - 8000) <= 2
    middle = slice(800, 7000)
    assert np.abs(found[middle] - tone(440)[: len(found)][middle]).max() < 0.01


def test_only_the_start_is_read() -> None:
    assert len(_decoded(wav(tone(440, 3.0)), seconds=0.25)) == 4000
    assert len(_decoded(wav(tone(440, 3.0, 44_100), 44_100), seconds=0.25)) == 4000


def test_what_is_no_number_is_silence() -> None:
    samples = tone(440)
    samples[:3] = np.nan, np.inf, -np.inf
    assert np.isfinite(_decoded(wav(samples, kind="float32"))).all()


def test_what_cannot_be_read_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = wav(tone(440))
    assert decode_sound(wav(tone(440)[:0]), 16_000, 1.0) == Unread("no sound in it")
    assert decode_sound(whole[:40], 16_000, 1.0) == Unread("damaged", "no samples")
    no_channels = whole.replace(b"\x01\x00\x01\x00\x80>", b"\x01\x00\x00\x00\x80>")
    assert decode_sound(no_channels, 16_000, 1.0) == Unread("damaged", "0 channels")
    monkeypatch.setitem(sys.modules, "soundfile", None)
    for content in (b"", b"no sound", whole.replace(b"\x01\x00\x01\x00\x80>", b"\x06\x00\x01\x00\x80>")):
        needs = decode_sound(content, 16_000, 1.0)
        assert isinstance(needs, Unread)
        assert needs.reason == "in a format that needs the package soundfile (pip install plait[audio])"


def test_a_file_that_ends_early_is_read_as_far_as_it_goes() -> None:
    whole = wav(tone(440))
    assert len(_decoded(whole[: len(whole) // 2 + 1])) in range(3900, 4001)


def test_damage_anywhere_ends_no_preparation() -> None:
    random = np.random.default_rng(5)
    for kind in ("int16", "int24", "float32"):
        whole = wav(tone(440, 0.02), kind=kind)
        for _ in range(200):
            bad = bytearray(whole)
            for place in random.integers(0, 80, 6):
                bad[place] = int(random.integers(256))
            found = decode_sound(bytes(bad[: random.integers(1, len(bad) + 1)]), 16_000, 1.0)
            assert isinstance(found, Unread) or np.isfinite(found).all()


needs_library = pytest.mark.skipif(importlib.util.find_spec("soundfile") is None, reason="soundfile is not installed")


@needs_library
@pytest.mark.parametrize(("kind", "error"), [("FLAC", 1e-4), ("OGG", 0.03)])
def test_other_formats_through_the_library(kind: str, error: float) -> None:
    import soundfile

    written = BytesIO()
    soundfile.write(written, tone(440), 16_000, format=kind)
    found = _decoded(written.getvalue(), seconds=0.25)
    assert len(found) == 4000
    assert np.abs(found - tone(440)[:4000]).max() < error
    cut = decode_sound(written.getvalue()[:100], 16_000, 1.0)
    assert isinstance(cut, Unread)


@needs_library
def test_what_the_library_does_not_know() -> None:
    found = decode_sound(b"no sound at all, but long enough to look at" * 9, 16_000, 1.0)
    assert isinstance(found, Unread)
    assert found.reason == "no sound of a known format"
