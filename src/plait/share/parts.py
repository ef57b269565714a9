"""The parts a body is made of, by name, for whoever wants to look at one of them."""

from torch import nn

__all__ = ["parts_of"]


def parts_of(body: nn.Module) -> dict[str, list[nn.Parameter]]:
    """Return the parameters of a body under the name of what they lie in, level by level where it has levels."""
    found: dict[str, list[nn.Parameter]] = {}
    for name, child in body.named_children():
        levels = [module for module in child if _holds_lists(module)] if isinstance(child, nn.ModuleList) else []
        for number, level in enumerate(levels, 1):
            for part, tensors in parts_of(level).items():
                found.setdefault(f"level {number} {part}", []).extend(tensors)
        if not levels:
            found.setdefault(name.replace("_", " "), []).extend(child.parameters())
    for name, tensor in body.named_parameters(recurse=False):
        found.setdefault(name.replace("_", " "), []).append(tensor)
    return {part: tensors for part, tensors in found.items() if tensors}


def _holds_lists(module: nn.Module) -> bool:
    plain = isinstance(module, nn.Sequential | nn.ModuleList | nn.ModuleDict)
    return not plain and any(isinstance(child, nn.ModuleList | nn.ModuleDict) for child in module.children())
