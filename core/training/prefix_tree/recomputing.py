"""Activations that the backward pass computes again instead of keeping them: products, and SiLU and GELU.

All their factors are kept anyway, by the node of the graph that computed them. A gated MLP keeps two of its
four wide activations so, and the same numbers come out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

#: How a tensor is computed from what its node keeps.
_Recipe = Callable[[], torch.Tensor]
#: Products of products of this depth are computed again.
_DEPTH = 2
_VIEWS = {"ViewBackward0", "UnsafeViewBackward0", "ReshapeAliasBackward0"}


def cheap_activations() -> torch.autograd.graph.saved_tensors_hooks:
    """Within this context, graphs keep no tensor that is cheap to compute from others that they keep."""
    return torch.autograd.graph.saved_tensors_hooks(_packed, _unpacked)


def _packed(tensor: torch.Tensor) -> torch.Tensor | tuple[_Recipe, torch.Size]:
    node: Any = tensor.grad_fn
    if node is not None and node.name() in _VIEWS:
        node = node.next_functions[0][0]
    recipe = _recipe(node, _DEPTH)
    return tensor if recipe is None else (recipe, tensor.shape)


def _unpacked(packed: torch.Tensor | tuple[_Recipe, torch.Size]) -> torch.Tensor:
    if isinstance(packed, torch.Tensor):
        return packed
    recipe, shape = packed
    # The node that computed it has not run yet: gradients come to it from here.
    return recipe().view(shape)


def _recipe(node: Any, depth: int) -> _Recipe | None:
    match None if node is None else node.name():
        case "SiluBackward0":
            return lambda: functional.silu(node._saved_self)
        case "GeluBackward0":
            return lambda: functional.gelu(node._saved_self, approximate=node._saved_approximate)
        case "MulBackward0" if depth:
            first, second = _factor(node, 0, depth), _factor(node, 1, depth)
            if first is not None and second is not None:
                return lambda: first() * second()
    return None


def _factor(node: Any, number: int, depth: int) -> _Recipe | None:
    """A factor of a product, which is kept if the other one has a gradient."""
    if node.next_functions[1 - number][0] is not None:
        name = ("_saved_self", "_saved_other")[number]
        return lambda: getattr(node, name)
    return _recipe(node.next_functions[number][0], depth - 1)
