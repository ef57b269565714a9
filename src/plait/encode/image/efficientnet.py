"""EfficientNet-Lite0, which loads the published weights one to one."""

from collections.abc import Mapping
from typing import Final, final

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

__all__ = ["EfficientNetLite0"]

# Kernel, stride, expansion, channels out, how often: table 1 of the paper at width and depth 1.
_STAGES: Final = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
_STEM: Final = 32
_HEAD: Final = 1280
_CLASSES: Final = 1000
_RENAMED: Final = (
    ("_blocks.", "blocks."),
    ("_expand_conv.", "expand.conv."),
    ("_bn0.", "expand.norm."),
    ("_depthwise_conv.", "depthwise.conv."),
    ("_bn1.", "depthwise.norm."),
    ("_project_conv.", "project.conv."),
    ("_bn2.", "project.norm."),
)
_RENAMED_ENDS: Final = (
    ("_conv_stem.", "stem.conv."),
    ("_bn0.", "stem.norm."),
    ("_conv_head.", "head.conv."),
    ("_bn1.", "head.norm."),
    ("_fc.", "classify."),
)


@final
class EfficientNetLite0(nn.Module):
    """Inverted bottlenecks without squeeze-and-excitation, with ReLU6; 4.7 million weights.

    The network reads a picture of any size and gives the mean of its last feature map, `[B, 1280]`; `classes` goes on to the
    1,000 classes of ImageNet. Padding is as in TensorFlow, where the weights come from: with a stride of two, the odd pixel
    of padding lies below and to the right.

    Args:
        weights: the published `state_dict`; all of it must fit.

    Attributes:
        width: length of the feature vector.

    Shape:
        `[B, 3, h, w]` -> `[B, 1280]`.

    References:
        Tan, Le: EfficientNet, ICML 2019, https://arxiv.org/abs/1905.11946; the Lite variants:
        https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite.
    """

    width: Final = _HEAD

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.stem = _Conv(3, _STEM, 3, stride=2)
        blocks, channels = [], _STEM
        for kernel, stride, expansion, out, times in _STAGES:
            for turn in range(times):
                blocks.append(_Bottleneck(channels, out, kernel, stride if turn == 0 else 1, expansion))
                channels = out
        self.blocks = nn.Sequential(*blocks)
        self.head = _Conv(channels, _HEAD, 1)
        self.classify = nn.Linear(_HEAD, _CLASSES)
        self.load_state_dict({_renamed(name): value for name, value in weights.items()}, strict=True)
        self.eval().requires_grad_(False)
        for module in self.modules():
            if isinstance(module, _Conv):
                module.fold()

    def forward(self, pictures: Float[Tensor, "B 3 h w"]) -> Float[Tensor, "B 1280"]:
        """Compute the feature vectors of normalised pictures."""
        features: Tensor = self.head(self.blocks(self.stem(pictures)))
        return features.mean((2, 3))

    def classes(self, pictures: Float[Tensor, "B 3 h w"]) -> Float[Tensor, "B 1000"]:
        """Compute the logits of ImageNet's classes."""
        logits: Tensor = self.classify(self(pictures))
        return logits


class _Conv(nn.Module):
    """Convolution, batch norm, ReLU6 where it is not the last of a bottleneck."""

    def __init__(self, channels: int, out: int, kernel: int, stride: int = 1, groups: int = 1, last: bool = False) -> None:
        super().__init__()
        self.kernel, self.stride, self.last = kernel, stride, last
        self.conv = nn.Conv2d(channels, out, kernel, stride, groups=groups, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(out, eps=1e-3)

    def fold(self) -> None:
        """Work the batch norm into the convolution, which is the same function in one product."""
        assert isinstance(self.norm, nn.BatchNorm2d)
        self.conv, self.norm = fuse_conv_bn_eval(self.conv, self.norm), nn.Identity()

    def forward(self, x: Float[Tensor, "B c h w"]) -> Float[Tensor, "B d i j"]:
        if self.kernel > 1:
            (top, below), (left, right) = (_around(size, self.kernel, self.stride) for size in x.shape[2:])
            x = nn.functional.pad(x, (left, right, top, below))
        found: Tensor = self.norm(self.conv(x))
        return found if self.last else nn.functional.relu6(found)


class _Bottleneck(nn.Module):
    """Expand, filter each channel, project; added to the input where the shape stays."""

    def __init__(self, channels: int, out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = channels * expansion
        self.same = stride == 1 and channels == out
        self.expand = _Conv(channels, inner, 1) if expansion != 1 else nn.Identity()
        self.depthwise = _Conv(inner, inner, kernel, stride, groups=inner)
        self.project = _Conv(inner, out, 1, last=True)

    def forward(self, x: Float[Tensor, "B c h w"]) -> Float[Tensor, "B d i j"]:
        found: Tensor = self.project(self.depthwise(self.expand(x)))
        return found + x if self.same else found


def _around(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return the padding before and after that makes ceil(size / stride) results."""
    missing = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return missing // 2, missing - missing // 2


def _renamed(name: str) -> str:
    """Turn a published name into that of this module."""
    for old, new in _RENAMED if name.startswith("_blocks.") else _RENAMED_ENDS:
        name = name.replace(old, new)
    return name
