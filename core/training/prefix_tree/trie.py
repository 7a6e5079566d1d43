"""Token sequences as a prefix tree, flattened depth-first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Trie:
    """The prefix tree of some sequences, one node a token, in depth-first order.

    Node k is an ancestor of node q, or q itself, if `k <= q < end[k]`.
    """

    tokens: Integers
    """The token of each node."""
    depth: Integers
    """The position of each node in its sequences, from 0."""
    end: Integers
    """One more than the last node below each node."""
    paths: tuple[Integers, ...]
    """The nodes of each sequence, in its order."""

    def __len__(self) -> int:
        return len(self.tokens)


def build(sequences: Sequence[list[int]]) -> Trie:
    """The tree of these sequences; equal beginnings share their nodes."""
    # Sorted, each sequence shares its longest beginning with the one before it.
    order = sorted(range(len(sequences)), key=lambda index: sequences[index])
    paths: list[Integers] = [np.empty(0, np.int64)] * len(sequences)
    tokens: list[int] = []
    depth: list[int] = []
    end: list[int] = []
    before: list[int] = []
    path = np.empty(0, np.int64)
    for index in order:
        sequence = sequences[index]
        shared = _common_length(before, sequence)
        count = len(tokens)
        for node in path[shared:]:
            end[node] = count
        fresh = len(sequence) - shared
        tokens.extend(sequence[shared:])
        depth.extend(range(shared, len(sequence)))
        end.extend([0] * fresh)
        path = np.concatenate((path[:shared], np.arange(count, count + fresh)))
        paths[index] = path
        before = sequence
    for node in path:
        end[node] = len(tokens)
    return Trie(np.array(tokens, np.int64), np.array(depth, np.int64), np.array(end, np.int64), tuple(paths))


def size(sequences: Sequence[list[int]]) -> int:
    """The number of nodes of the tree of these sequences."""
    nodes = 0
    before: list[int] = []
    for sequence in sorted(sequences):
        nodes += len(sequence) - _common_length(before, sequence)
        before = sequence
    return nodes


def _common_length(a: list[int], b: list[int]) -> int:
    length = min(len(a), len(b))
    return next((place for place in range(length) if a[place] != b[place]), length)
