"""Low-rank adapters in the linear maps of a pretrained encoder; the one file that imports peft."""

from torch import nn

from plait.encode.text.layers import Layers
from plait.encode.text.settings import Text
from plait.errors import RecipeError, nearest

__all__ = ["add_adapters", "merge_adapters", "targets"]

_NAME = "default"


def add_adapters(body: nn.Module, settings: Text.Settings) -> None:
    """Freeze an encoder and put an adapter beside its linear maps: W x + (alpha / r) B A dropout(x), only A and B trained.

    A is r rows drawn at random, B is zero, so that training starts from the encoder as it is.

    Args:
        body: the encoder.
        settings: rank r, alpha, dropout, and which maps.

    Raises:
        RecipeError: the encoder has no map of such a name.

    References:
        Hu et al.: LoRA: Low-Rank Adaptation of Large Language Models, ICLR 2022, https://arxiv.org/abs/2106.09685.
        Dettmers et al.: QLoRA, NeurIPS 2023, https://arxiv.org/abs/2305.14314: adapters in all linear maps of the layers.
    """
    from peft import LoraConfig, inject_adapter_in_model
    from peft.tuners.lora import LoraLayer

    names = targets(body, settings)
    body.requires_grad_(False)
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha or 2 * settings.rank,  # type: ignore[arg-type]  # any number will do
        lora_dropout=settings.dropout,
        target_modules=names,
        bias="none",
        fan_in_fan_out=any(type(module).__name__ == "Conv1D" for module in body.modules()),
    )
    inject_adapter_in_model(config, body, _NAME)
    for module in body.modules():
        if isinstance(module, LoraLayer):
            # Autocast chooses the type; going to fp32 and back would cost as much as the adapter itself.
            module.cast_input_dtype_enabled = False


def merge_adapters(body: nn.Module) -> None:
    """Add what the adapters learned to the maps beside them, and take the adapters out."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    for module in list(body.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, BaseTunerLayer):
                child.merge()
                module.register_module(name, child.get_base_layer())


def targets(body: nn.Module, settings: Text.Settings) -> list[str]:
    """List the maps that get an adapter by their full names.

    Raises:
        RecipeError: there are none.
    """
    layers = Layers(body)
    still = set() if settings.layers is None else {id(p) for p in layers.below(settings.layers)}
    maps = {
        name: module
        for name, module in body.named_modules()
        if (isinstance(module, nn.Linear) or _turned(module)) and id(module.weight) not in still
    }
    if settings.targets == "auto":
        inside = {id(module) for block in layers.blocks for module in block.modules()}
        found = [name for name, module in maps.items() if id(module) in inside]
    else:
        wanted = settings.targets
        found = [name for name in maps if name.rpartition(".")[2] in wanted or name in wanted]
    if not found:
        known = sorted({name.rpartition(".")[2] for name in maps})
        asked = settings.targets if isinstance(settings.targets, list) else []
        raise RecipeError(
            f"`model.text.targets` should name linear maps of the encoder, so that they get an adapter; it has {known}. "
            f"Found {asked}.{nearest(asked[0], known) if asked else ''}"
        )
    return found


def _turned(module: nn.Module) -> bool:
    """Say whether a module is GPT-2's linear map, whose weights stand the other way round."""
    return type(module).__name__ == "Conv1D"
