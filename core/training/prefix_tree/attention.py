"""Attention in a prefix tree: each token sees its ancestors alone.

On CUDA GPUs, FlexAttention computes it where it works. Elsewhere, queries are taken in blocks of neighbours
in depth-first order. The keys of a block are the path that leads to it and the block itself, so that the work
grows with the length of the paths, not with the square of the tree's size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from core.students.models.cpu_linear import matmul
from core.training.prefix_tree.flex_attention import TreeMask
from core.training.prefix_tree.trie import Trie

#: The names under which Transformers knows this attention, computed in blocks or by FlexAttention.
IN_BLOCKS = "prefix_tree"
BY_FLEX = "prefix_tree_flex"
#: Implementations of attention that trees replace.
REPLACED = {"sdpa", IN_BLOCKS, BY_FLEX}
#: The keyword argument of a model's forward pass that carries the tree to the attention.
ARGUMENT = "prefix_tree"
#: Queries of a block.
_BLOCK = 128


@dataclass(frozen=True)
class Block:
    """Neighbouring queries, and the keys that they see."""

    start: int
    """The first of the queries."""
    stop: int
    """The one after the last of them."""
    path: torch.Tensor
    """The nodes before the block that its queries may see."""
    hidden: torch.Tensor
    """Which query (row) does not see which key (column): first the path, then the block's own tokens."""


Blocks = tuple[Block, ...]


def blocks(trie: Trie, device: torch.device) -> Blocks:
    """The blocks of a tree."""
    found = []
    nodes = np.arange(len(trie))
    for start in range(0, len(trie), _BLOCK):
        stop = min(start + _BLOCK, len(trie))
        path = np.flatnonzero(trie.end[:start] > start)
        keys = np.concatenate((path, nodes[start:stop]))
        queries = nodes[start:stop, None]
        hidden = (keys > queries) | (queries >= trie.end[keys])
        found.append(
            Block(start, stop, torch.from_numpy(path).to(device), torch.from_numpy(hidden).to(device))
        )
    return tuple(found)


def mask(trie: Trie, device: torch.device) -> torch.Tensor:
    """Which query sees which key, of shape (1, 1, nodes, nodes)."""
    nodes = torch.arange(len(trie), device=device)
    end = torch.from_numpy(trie.end).to(device)
    return ((nodes[None, :] <= nodes[:, None]) & (nodes[:, None] < end[None, :]))[None, None]


def tree_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Transformers' attention function: SDPA where there is no tree."""
    found: Blocks | TreeMask | None = kwargs.pop(ARGUMENT, None)
    if found is None or not _is_plain(kwargs):
        plain: tuple[torch.Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout, scaling, **kwargs
        )
        return plain
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    if isinstance(found, TreeMask):
        attended = found.attend(query, key, value, scale)
    else:
        attended = _TreeAttention.apply(query, key, value, found, scale)
    return attended.transpose(1, 2).contiguous(), None


def _is_plain(kwargs: dict[str, Any]) -> bool:
    """Whether scores are changed by nothing but the mask."""
    return all(kwargs.get(name) is None for name in ("softcap", "position_bias", "s_aux"))


class _TreeAttention(torch.autograd.Function):
    """Softmax attention over blocks; the backward pass computes the probabilities again."""

    @staticmethod
    def forward(
        ctx: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, found: Blocks, scale: float
    ) -> torch.Tensor:
        ctx.found, ctx.scale = found, scale
        output = query.new_empty(*query.shape[:-1], value.shape[-1])
        for block in found:
            weights = _weights(query, key, block, scale)
            attended = matmul(weights.to(value.dtype), _keys(value, block))
            output[:, :, block.start : block.stop] = _by_head(attended, query.shape[1])
        ctx.save_for_backward(query, key, value)
        return output

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        query, key, value = ctx.saved_tensors
        grad_query = torch.empty_like(query)
        grad_key = torch.zeros_like(key, dtype=torch.float32)
        grad_value = torch.zeros_like(value, dtype=torch.float32)
        for block in ctx.found:
            weights = _weights(query, key, block, ctx.scale)
            grad_output = _by_key_head(grad, key.shape[1], block)
            _add(grad_value, block, matmul(weights.to(grad.dtype).transpose(-1, -2), grad_output))
            grad_weights = matmul(grad_output, _keys(value, block).transpose(-1, -2)).float()
            grad_weights -= (grad_weights * weights).sum(-1, keepdim=True)
            scores = (grad_weights.mul_(weights).mul_(ctx.scale)).to(query.dtype)
            grad_query[:, :, block.start : block.stop] = _by_head(
                matmul(scores, _keys(key, block)), query.shape[1]
            )
            _add(grad_key, block, matmul(scores.transpose(-1, -2), _by_key_head(query, key.shape[1], block)))
        return grad_query, grad_key.to(key.dtype), grad_value.to(value.dtype), None, None


def _weights(query: torch.Tensor, key: torch.Tensor, block: Block, scale: float) -> torch.Tensor:
    """The attention's probabilities, of shape (batch, key heads, query heads of each × queries, keys)."""
    heads = key.shape[1]
    scores = (
        matmul(_by_key_head(query, heads, block), _keys(key, block).transpose(-1, -2)).float().mul_(scale)
    )
    scores.unflatten(2, (-1, len(block.hidden))).masked_fill_(block.hidden, -torch.inf)
    return scores.softmax(-1)


def _keys(tensor: torch.Tensor, block: Block) -> torch.Tensor:
    return torch.cat((tensor.index_select(2, block.path), tensor[:, :, block.start : block.stop]), 2)


def _by_key_head(tensor: torch.Tensor, heads: int, block: Block) -> torch.Tensor:
    """A block's queries, those of all query heads that share a key head one below the other."""
    part = tensor[:, :, block.start : block.stop]
    batch, query_heads, count, width = part.shape
    return part.reshape(batch, heads, query_heads // heads * count, width)


def _by_head(tensor: torch.Tensor, query_heads: int) -> torch.Tensor:
    batch, heads, rows, width = tensor.shape
    return tensor.reshape(batch, query_heads, heads * rows // query_heads, width)


def _add(total: torch.Tensor, block: Block, part: torch.Tensor) -> None:
    known = len(block.path)
    total.index_add_(2, block.path, part[:, :, :known].float())
    total[:, :, block.start : block.stop] += part[:, :, known:]


for _name in (IN_BLOCKS, BY_FLEX):
    AttentionInterface.register(_name, tree_attention)
    AttentionMaskInterface.register(_name, sdpa_mask)
