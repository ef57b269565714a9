"""A picture encoder that was found → a module in memory: normalised pictures to vectors."""

from typing import TYPE_CHECKING, Final, Literal, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from plait.encode.image.efficientnet import EfficientNetLite0
from plait.encode.image.find import KEY, Found
from plait.encode.pretrained.quiet import quiet
from plait.errors import RecipeError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["load_network"]

_FIRST: Final = frozenset(("vit", "deit", "dinov2", "dinov2_with_registers", "dinov3_vit", "vit_mae", "vit_msn", "ijepa"))
"""Kinds of model of transformers that put what they know of a picture into their first token."""


def load_network(found: Found, pooling: Literal["auto", "first", "mean"]) -> nn.Module:
    """Load an encoder: a module that turns `[B, 3, size, size]` into `[B, dim]`.

    Raises:
        RecipeError: a file is damaged, of no model that the library knows, or the library cannot be imported.
    """
    match found.library:
        case "lite":
            return EfficientNetLite0(torch.load(found.place, weights_only=True))
        case "timm":
            return _of_timm(found)
        case "transformers":
            return _of_transformers(found, pooling)


def _of_timm(found: Found) -> nn.Module:
    try:
        from timm import create_model
    except ImportError as error:
        raise RecipeError(
            f"`{KEY}` names a model of timm, which should be importable here. Found: {error}. Install it with `pip install "
            f"plait[timm]` (it needs a torchvision that fits torch {torch.__version__}), or take `efficientnet-lite0` or a "
            f"model of transformers."
        ) from error
    try:
        network: nn.Module = create_model(f"local-dir:{found.place}", pretrained=True, num_classes=0)
    except (OSError, RuntimeError, ValueError, AssertionError) as error:
        raise _unreadable(found, error) from error
    return network.eval().requires_grad_(False)


def _of_transformers(found: Found, pooling: Literal["auto", "first", "mean"]) -> nn.Module:
    from safetensors import SafetensorError
    from transformers import AutoModel, CLIPModel, SiglipModel

    try:
        with quiet():
            model = AutoModel.from_pretrained(found.place, local_files_only=True)
    except (OSError, ValueError, SafetensorError) as error:
        raise _unreadable(found, error) from error
    model.eval().requires_grad_(False)
    if isinstance(model, CLIPModel | SiglipModel):
        return _Pooled(model.vision_model)
    first = pooling == "first" or (pooling == "auto" and model.config.model_type in _FIRST)
    return _States(model, first)


def _unreadable(found: Found, error: Exception) -> RecipeError:
    return RecipeError(
        f"`{KEY}` should be a picture encoder with weights. The one in `{found.place}` cannot be read: "
        f"{' '.join(str(error).split())}. Download it again or choose another."
    )


@final
class _Pooled(nn.Module):
    """The picture half of a model of pictures and texts, which pools by itself."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pictures: Float[Tensor, "B 3 h w"]) -> Float[Tensor, "B dim"]:
        pooled: Tensor = self.model(pixel_values=pictures).pooler_output
        return pooled


@final
class _States(nn.Module):
    """A model whose last states are pooled here: of feature maps the mean, of tokens the first or the mean."""

    def __init__(self, model: "PreTrainedModel", first: bool) -> None:
        super().__init__()
        self.model: nn.Module = model
        self.first = first

    def forward(self, pictures: Float[Tensor, "B 3 h w"]) -> Float[Tensor, "B dim"]:
        states: Tensor = self.model(pixel_values=pictures).last_hidden_state
        if states.ndim == 4:
            return states.mean((2, 3))
        return states[:, 0] if self.first else states.mean(1)
