"""Layers in plain NumPy, from the weights of a module, for tests that want a second opinion."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

Array = NDArray[Any]


def numpy(tensor: Tensor) -> Array:
    found: Array = tensor.detach().double().numpy()
    return found


def linear(layer: Any, x: Array) -> Array:
    found: Array = x @ numpy(layer.weight).T + (0 if layer.bias is None else numpy(layer.bias))
    return found


def relu(x: Array) -> Array:
    return np.maximum(x, 0)


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def softmax(x: Array) -> Array:
    found: Array = np.exp(x - x.max(-1, keepdims=True))
    return found / found.sum(-1, keepdims=True)


def network(layers: Iterable[nn.Module], x: Array) -> Array:
    """Linear layers with ReLU."""
    for layer in layers:
        if isinstance(layer, nn.Linear):
            x = relu(linear(layer, x))
    return x


def gate_weights(gate: Any, x: Array) -> Array:
    return softmax(linear(gate.linear, x))


def normalised(x: Array, norm: Any) -> Array:
    """Layer normalisation."""
    apart = x - x.mean(-1, keepdims=True)
    found: Array = apart / np.sqrt(apart.var(-1, keepdims=True) + norm.eps) * numpy(norm.weight) + numpy(norm.bias)
    return found
