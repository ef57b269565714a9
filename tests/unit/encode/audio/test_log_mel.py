"""Log-mel spectrograms: parity with transformers' form in NumPy, known values, where a sound ends."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from plait.encode.audio.log_mel import LogMel, mel_bands
from plait.encode.audio.settings import Audio
from support.tones import tone


def test_the_bands_are_those_of_transformers() -> None:
    from transformers.audio_utils import mel_filter_bank

    for bands in (40, 64, 80):
        other = mel_filter_bank(201, bands, 0.0, 8000.0, 16_000, norm="slaney", mel_scale="slaney")
        np.testing.assert_allclose(mel_bands(bands).numpy(), other, atol=1e-7)


def test_the_spectrogram_is_whispers() -> None:
    from transformers import WhisperFeatureExtractor

    sound = tone(700, 1.0) + tone(2500, 1.0, loud=0.05) + np.random.default_rng(0).normal(0, 1e-3, 16_000).astype(np.float32)
    whisper = WhisperFeatureExtractor(feature_size=80, chunk_length=1)
    wanted = whisper(sound, sampling_rate=16_000, return_tensors="np")["input_features"][0]
    encoder = LogMel(Audio.Settings(seconds=1.0, mels=80, hop=10))
    found = encoder([sound]).reshape(encoder.shape)
    assert encoder.shape == [80, 100]
    np.testing.assert_allclose(found, wanted, atol=2e-3)


def test_a_tone_lies_in_its_band() -> None:
    # Below 1,000 Hz Slaney's scale has 200/3 Hz a mel; 64 bands to 8,000 Hz lie 45.25 / 65 mel apart.
    step = (15 + 27 * np.log(8.0) / np.log(6.4)) / 65
    encoder = LogMel(Audio.Settings(seconds=0.5))
    for pitch in (300.0, 500.0, 800.0):
        found = encoder([tone(pitch)]).reshape(encoder.shape)
        assert int(found[:, 10].argmax()) == round(pitch * 3 / 200 / step) - 1


def test_known_values() -> None:
    encoder = LogMel(Audio.Settings(seconds=0.1, mels=16))
    silence = encoder([np.zeros(1600, np.float32)])
    assert silence.shape == (1, 16 * 5)
    assert (silence == -1.5).all(), "log10 of the floor is -10, and (-10 + 4) / 4 is -1.5"
    loud, half = (encoder([tone(500, 0.1, loud=level)]).max() for level in (0.5, 0.25))
    assert float(loud) - float(half) == pytest.approx(np.log10(4) / 4, abs=2e-3)


def test_after_the_end_there_is_nothing_and_silence_is_something() -> None:
    encoder = LogMel(Audio.Settings(seconds=1.0))
    found = encoder([tone(440, 0.5), tone(440, 2.0), np.zeros(100, np.float32)]).reshape(3, *encoder.shape)
    heard = (found != 0).any(1)
    assert heard.sum(1).tolist() == [25, 50, 1]
    assert heard[0, :25].all()
    alone = encoder([tone(440, 0.5)])
    assert (alone == found[:1].reshape(1, -1)).all(), "what stands beside a sound does not change it"
    assert encoder([]).shape == (0, encoder.dim)


@pytest.mark.parametrize(
    "settings", [{"seconds": 0.01}, {"seconds": 0.3, "hop": 7, "mels": 9}, {"seconds": 2.0, "hop": 100}]
)
def test_any_length(settings: dict[str, float]) -> None:
    encoder = LogMel(Audio.Settings.model_validate(settings))
    for samples in (1, 399, 5000, 50_000):
        found = encoder([np.ones(samples, np.float32)])
        assert found.shape == (1, encoder.dim)
        assert found.any()
        assert np.isfinite(found).all()


def test_the_fingerprint_follows_the_settings() -> None:
    changes: list[dict[str, float]] = [{}, {"seconds": 1.0}, {"mels": 32}, {"hop": 10}, {"width": 16}]
    found = [LogMel(Audio.Settings.model_validate(change)).fingerprint for change in changes]
    assert len(set(found)) == 4
    assert found[0] == found[4], "the network's width changes no spectrogram"
    assert torch.equal(mel_bands(64), LogMel(Audio.Settings()).bands)
