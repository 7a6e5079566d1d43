"""Which linear layers cannot get a LoRA adapter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

#: Layers of a state-space (Mamba) block whose weights its kernels read themselves: an adapter would have no
#: effect.
_READ_AS_WEIGHTS = ("x_proj", "dt_proj", "out_proj")


def without_adapter(model: Any) -> list[str]:
    """The names of linear layers that `all-linear` must leave out.

    These are routers of experts that return more than a product, layers whose weights are read without
    calling the layer, and, in a model that also sees or hears, everything but its language model.
    """
    return sorted(
        set(_unlike_linear(model)) | set(_in_state_space(model)) | set(_outside_language_model(model))
    )


def _unlike_linear(model: Any) -> Iterator[str]:
    for name, module in model.named_modules():
        own = type(module).__module__.startswith("transformers.models.")
        if own and isinstance(module, nn.Linear) and not _multiplies(module):
            yield name


@torch.no_grad()
def _multiplies(module: nn.Linear) -> bool:
    found: object = module(module.weight.new_zeros(1, module.in_features))
    return isinstance(found, torch.Tensor)


def _in_state_space(model: Any) -> Iterator[str]:
    for name, module in model.named_modules():
        if hasattr(module, "A_log") and hasattr(module, "D"):
            yield from (f"{name}.{child}" for child in _READ_AS_WEIGHTS if hasattr(module, child))


def _outside_language_model(model: Any) -> Iterator[str]:
    if model.config.get_text_config() is model.config:
        return
    inside = set(model.get_decoder().modules())
    for name, module in model.named_modules():
        if (
            isinstance(module, nn.Linear)
            and module not in inside
            and module is not model.get_output_embeddings()
        ):
            yield name
