"""FlexAttention in a prefix tree: one fused kernel that skips what no query sees. For CUDA GPUs.

The mask is made of the nodes' intervals, without looking at pairs of nodes: a block of keys is seen by a
block of later queries if the interval of one of its keys reaches there, and seen as a whole if those of all
do.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from torch.nn.attention import flex_attention as flex

from core.training.prefix_tree.trie import Integers, Trie

#: Tokens of a block of the mask.
_BLOCK = 128
#: The shortest length that trees are padded to; the others are its multiples by powers of two.
_SHORTEST = 4 * _BLOCK
#: Kernels that may be compiled: with and without a gradient for each length and shape of heads.
_MAX_KERNELS = 64


@dataclass(frozen=True)
class TreeMask:
    """Which query sees which key in a tree that is padded to a length for which a kernel is compiled."""

    padded: int
    """The padded length."""
    blocks: flex.BlockMask
    """FlexAttention's mask of the padded tree."""

    def attend(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """Softmax attention, with as many query heads for each key head as there are."""
        length = query.shape[2]
        # Autocast leaves rotated queries and keys in another format than the values.
        made = (
            functional.pad(tensor.to(value.dtype), (0, 0, 0, self.padded - length))
            for tensor in (query, key, value)
        )
        found = _compiled(query.device.type)(*made, block_mask=self.blocks, scale=scale, enable_gqa=True)
        attended: torch.Tensor = found[:, :, :length]
        return attended


def tree_mask(trie: Trie, device: torch.device) -> TreeMask:
    """The mask of a tree."""
    padded = _padded(len(trie))
    # A padding token sees itself alone, so that no row of the mask is empty.
    end = np.arange(1, padded + 1)
    end[: len(trie)] = trie.end
    partial, full = _visible_blocks(end)
    ends = torch.from_numpy(end).to(device, torch.int32)

    def sees(_: Any, __: Any, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        return (key <= query) & (query < ends[key])

    return TreeMask(
        padded,
        flex.BlockMask.from_kv_blocks(
            *_ordered(partial, device), *_ordered(full, device), BLOCK_SIZE=_BLOCK, mask_mod=sees
        ),
    )


def _padded(length: int) -> int:
    """The shortest length for which a kernel is compiled and that holds `length` tokens."""
    return max(_SHORTEST, 1 << (length - 1).bit_length())


def _visible_blocks(end: Integers) -> tuple[Integers, Integers]:
    """Which blocks of keys (columns) a block of queries (rows) sees in part, and which as a whole."""
    starts = np.arange(0, len(end), _BLOCK)
    by_block = end.reshape(-1, _BLOCK)
    before = starts[None, :] < starts[:, None]
    seen = before & (by_block.max(1)[None, :] > starts[:, None])
    full = before & (by_block.min(1)[None, :] >= starts[:, None] + _BLOCK)
    # Within a block no key sees a later one.
    return (seen & ~full) | np.eye(len(starts), dtype=bool), full


def _ordered(seen: Integers, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """The number of blocks in each row, and all columns in an order that begins with these blocks."""
    order = np.argsort(~seen, axis=1, kind="stable")
    counts = torch.from_numpy(seen.sum(1)).to(device, torch.int32)
    return counts[None, None], torch.from_numpy(order).to(device, torch.int32)[None, None]


@cache
def _compiled(device: str) -> Any:
    # Inductor has no gradient of it on a CPU, where only tests compute it.
    backend = "inductor" if device == "cuda" else "aot_eager"
    return torch.compile(flex.flex_attention, dynamic=False, backend=backend, recompile_limit=_MAX_KERNELS)
