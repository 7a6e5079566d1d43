"""How large a prefix tree may be for the memory there is. It loads no heavy library."""

from __future__ import annotations

from collections.abc import Mapping

from core.domain.states import Slot

#: Numbers that a layer may keep of each token until the backward pass, by its widths.
_KEPT_HIDDEN = 20
_KEPT_INNER = 8
#: The share of the free memory that the activations of a tree may take, and the most tokens of a tree.
_SHARE = 0.4
MAX_TOKENS = 16_384
#: Tokens whose logits TRL's head has at the same time: on a GPU TRL's number, on a CPU that of `head_tiles`.
LOGIT_TOKENS: Mapping[Slot, int] = {"cpu": 128, "gpu": 4096}


def tree_tokens(
    free: float, hidden: int, inner: int, layers: int, itemsize: float, *, gradient_checkpointing: bool
) -> int:
    """The most tokens of a tree for which `free` bytes suffice; `itemsize` is that of the weights."""
    layer = _KEPT_HIDDEN * hidden + _KEPT_INNER * inner
    numbers = layer + layers * hidden if gradient_checkpointing else layers * layer
    return min(int(free * _SHARE / (numbers * itemsize)), MAX_TOKENS)
