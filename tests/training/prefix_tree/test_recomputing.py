"""Activations that are computed again: fewer are kept, and the gradient is the same to the bit."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch.nn import functional

from core.training.prefix_tree import recomputing

WIDTH = 512


def gated(inputs: torch.Tensor, weights: torch.Tensor, act: Callable[..., torch.Tensor]) -> torch.Tensor:
    normed = torch.ones(WIDTH, dtype=inputs.dtype) * (
        inputs * torch.rsqrt(inputs.pow(2).mean(-1, keepdim=True))
    )
    gate, up = functional.linear(normed, weights[0]), functional.linear(normed, weights[1])
    return functional.linear(act(gate) * up, weights[2]) * 0.5


def gelu_tanh(inputs: torch.Tensor) -> torch.Tensor:
    return functional.gelu(inputs, approximate="tanh")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("act", [functional.silu, functional.gelu, gelu_tanh, torch.tanh])
def test_the_gradient_is_the_same(act: Callable[..., torch.Tensor], dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    weights = torch.randn(3, WIDTH, WIDTH, dtype=dtype, requires_grad=True)
    inputs = torch.randn(1, 30, WIDTH, dtype=dtype, requires_grad=True)
    wanted = torch.autograd.grad(gated(inputs * 1, weights, act).sum(), (inputs, weights))
    with recomputing.cheap_activations():
        output = gated(inputs * 1, weights, act)
    for a, b in zip(torch.autograd.grad(output.sum(), (inputs, weights)), wanted, strict=True):
        assert torch.equal(a, b)


def test_half_of_a_gated_mlp_is_not_kept() -> None:
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> object:
        packed = recomputing._packed(tensor)
        if isinstance(packed, torch.Tensor) and packed.shape[-1] == WIDTH:
            kept[packed.untyped_storage().data_ptr()] = packed.untyped_storage().nbytes()
        return packed

    weights = torch.randn(3, WIDTH, WIDTH)
    adapter = torch.randn(WIDTH, 4, requires_grad=True)
    inputs = torch.randn(1, 30, WIDTH)
    with torch.autograd.graph.saved_tensors_hooks(keep, recomputing._unpacked):
        gate, up = (
            inputs @ adapter @ adapter.T + functional.linear(inputs, frozen) for frozen in weights[:2]
        )
        product = functional.silu(gate) * up
        output = product @ adapter
    # The inputs, the gate and what it lets through; neither SiLU's result nor the product.
    sizes = [size for size in kept.values() if size == inputs.untyped_storage().nbytes()]
    assert len(sizes) == 3
    output.sum().backward()
    assert adapter.grad is not None
