"""Linear layers in float32 on CPUs that PyTorch's matrix products leave half unused.

PyTorch multiplies float32 matrices by MKL, which takes the processors of other vendors than Intel for older
ones. oneDNN, which PyTorch has too, finds out what a processor can do.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import torch

#: Rows from which oneDNN is faster. With fewer, reading the weights takes all the time.
_MIN_ROWS = 4
#: The same for matrices of a stack, which oneDNN computes one by one.
_MIN_STACKED_ROWS = 48
#: Weights of a model from which oneDNN is faster: it prepares each new number of rows for a millisecond,
#: which is longer than the products of a smaller one take.
_MIN_WEIGHTS = 1_000_000
_CPUINFO = Path("/proc/cpuinfo")


class OneDnnLinear(torch.nn.Linear):
    """A linear layer that oneDNN computes, forwards and backwards, on the weights as they are."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        weight, bias = self.weight, self.bias
        is_plain = input.dtype == weight.dtype == torch.float32 and weight.device.type == "cpu"
        if not is_plain or input.numel() < _MIN_ROWS * input.shape[-1] or torch.is_autocast_enabled("cpu"):
            return torch.nn.functional.linear(input, weight, bias)
        found: torch.Tensor = _Product.apply(input, weight, bias)
        return found


class _Product(torch.autograd.Function):
    """`input @ weight.T + bias`."""

    @staticmethod
    def forward(
        ctx: Any, input: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        # A frozen layer needs no input for its gradient, and must not keep it.
        ctx.save_for_backward(weight, input if ctx.needs_input_grad[1] else None)
        return _product(input, weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (gradient,) = gradients
        weight, input = ctx.saved_tensors
        of_input = _product(gradient, weight.t(), None) if ctx.needs_input_grad[0] else None
        rows = gradient.reshape(-1, gradient.shape[-1])
        of_weight = None if input is None else rows.t() @ input.reshape(-1, input.shape[-1])
        return of_input, of_weight, rows.sum(0) if ctx.needs_input_grad[2] else None


def _product(input: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    found: torch.Tensor = torch.ops.mkldnn._linear_pointwise(input, weight, bias, "none", [], "")
    return found


def matmul(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """`left @ right` of two stacks of matrices, without a gradient."""
    is_plain = left.dtype == right.dtype == torch.float32 and left.device.type == "cpu"
    if not is_plain or left.shape[-2] < _MIN_STACKED_ROWS or not is_faster():
        return left @ right
    shape = (*left.shape[:-1], right.shape[-1])
    pairs = zip(left.flatten(0, -3), right.flatten(0, -3), strict=True)
    return torch.stack([_product(a, b.t(), None) for a, b in pairs]).reshape(shape)


def use(model: Any) -> None:
    """Have oneDNN compute the linear layers of a model, where that is faster."""
    if not is_faster():
        return
    layers = [module for module in model.modules() if isinstance(module, torch.nn.Linear)]
    if sum(layer.weight.numel() for layer in layers) < _MIN_WEIGHTS:
        return
    for layer in layers:
        if type(layer) is torch.nn.Linear and layer.weight.device.type == "cpu":
            layer.__class__ = OneDnnLinear


@functools.cache
def is_faster() -> bool:
    """Whether oneDNN is faster than MKL on this machine: on x86 processors that are not Intel's."""
    if not (torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()):
        return False
    try:
        text = _CPUINFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    vendors = {line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("vendor_id")}
    return bool(vendors) and "GenuineIntel" not in vendors
