"""Sounds to vectors with a pretrained model: wav2vec 2.0, the audio spectrogram transformer, Whisper's listening half."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from plait.encode.audio.frozen import FrozenAudio
from plait.encode.audio.settings import Audio
from plait.errors import RecipeError
from support.tones import tone


def wav2vec2(folder: Path) -> Path:
    from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

    torch.manual_seed(0)
    config = Wav2Vec2Config(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        conv_dim=(16, 16),
        conv_stride=(10, 8),
        conv_kernel=(20, 8),
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
    )
    Wav2Vec2Model(config).save_pretrained(folder)
    Wav2Vec2FeatureExtractor(sampling_rate=8000).save_pretrained(folder)
    return folder


def spectrogram_transformer(folder: Path) -> Path:
    from transformers import ASTConfig, ASTFeatureExtractor, ASTModel

    torch.manual_seed(0)
    config = ASTConfig(
        hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, max_length=64, num_mel_bins=32
    )
    ASTModel(config).save_pretrained(folder)
    ASTFeatureExtractor(num_mel_bins=32, max_length=64).save_pretrained(folder)
    return folder


def whisper(folder: Path) -> Path:
    from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperModel

    torch.manual_seed(0)
    small = {
        "d_model": 16,
        "encoder_layers": 1,
        "decoder_layers": 1,
        "encoder_attention_heads": 2,
        "decoder_attention_heads": 2,
    }
    config = WhisperConfig(
        **small,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        vocab_size=50,
        max_source_positions=50,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=1,
        suppress_tokens=[],
        begin_suppress_tokens=[],
    )
    WhisperModel(config).save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=80, chunk_length=1).save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    ("make", "rate", "dim"), [(wav2vec2, 8000, 32), (spectrogram_transformer, 16_000, 32), (whisper, 16_000, 16)]
)
def test_a_model_of_transformers(tmp_path: Path, make: object, rate: int, dim: int) -> None:
    encoder = FrozenAudio(Audio.Settings(model=str(make(tmp_path / "model")), seconds=1.0))
    assert (encoder.rate, encoder.dim, encoder.shape) == (rate, dim, [])
    low, high = tone(200, 0.6, rate), tone(1500, 0.3, rate)
    found = encoder([low, high, low[:50]])
    assert found.shape == (3, dim)
    assert found.dtype == np.float16
    assert np.isfinite(found).all()
    assert (encoder([high])[0] == found[1]).all(), "what stands beside a sound does not change it"
    assert np.abs(found[0].astype(float) - found[1]).max() > 0.001
    assert encoder([]).shape == (0, dim)


def test_the_mean_of_the_last_states(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import AutoFeatureExtractor, Wav2Vec2Model

    monkeypatch.setattr("plait.encode.audio.frozen.has_bfloat16", lambda device: False)
    folder = wav2vec2(tmp_path)
    read = AutoFeatureExtractor.from_pretrained(folder)(tone(300, 0.5, 8000), sampling_rate=8000, return_tensors="pt")
    with torch.inference_mode():
        wanted = Wav2Vec2Model.from_pretrained(folder).eval()(read["input_values"]).last_hidden_state[0].mean(0)
    found = FrozenAudio(Audio.Settings(model=str(folder)))([tone(300, 0.5, 8000)])[0]
    np.testing.assert_allclose(found, wanted.numpy(), atol=2e-3)


def test_what_is_no_model_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(RecipeError, match=r"`model.audio.model` should be a folder that holds config.json"):
        FrozenAudio(Audio.Settings(model=str(tmp_path)))
    folder = wav2vec2(tmp_path)
    first = FrozenAudio(Audio.Settings(model=str(folder)))
    assert first.fingerprint != FrozenAudio(Audio.Settings(model=str(folder), seconds=1.0)).fingerprint
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(
        RecipeError, match=r"should be `cnn`, or a model of sounds with weights and preprocessor_config.json"
    ):
        FrozenAudio(Audio.Settings(model=str(folder)))([tone(300)])
