"""The tree of token sequences."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from core.training.prefix_tree import attention, trie

SEQUENCES = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=12), min_size=1, max_size=6)


@given(SEQUENCES)
def test_each_prefix_is_one_node_and_sees_its_own_prefixes(sequences: list[list[int]]) -> None:
    tree = trie.build(sequences)
    prefixes = {tuple(sequence[: end + 1]) for sequence in sequences for end in range(len(sequence))}
    assert len(tree) == trie.size(sequences) == len(prefixes)
    spelled: dict[int, tuple[int, ...]] = {}
    for sequence, path in zip(sequences, tree.paths, strict=True):
        assert tree.tokens[path].tolist() == sequence
        assert tree.depth[path].tolist() == list(range(len(sequence)))
        spelled |= {int(node): tuple(sequence[: end + 1]) for end, node in enumerate(path)}
    visible = attention.mask(tree, torch.device("cpu"))[0, 0]
    for query, prefix in spelled.items():
        seen = {spelled[key] for key in visible[query].nonzero().flatten().tolist()}
        assert seen == {prefix[: end + 1] for end in range(len(prefix))}


def test_blocks_hold_only_the_keys_that_they_see() -> None:
    """Three long branches: a block at the end of the last one needs none of the others' keys."""
    stem = list(range(50))
    tree = trie.build([[*stem, branch, *range(1000, 1200)] for branch in (60, 61, 62)])
    last = attention.blocks(tree, torch.device("cpu"))[-1]
    assert last.stop == len(tree) == 50 + 3 * 201
    assert len(last.path) < 50 + 201
    visible = attention.mask(tree, torch.device("cpu"))[0, 0]
    for block in attention.blocks(tree, torch.device("cpu")):
        seen = torch.zeros(block.stop - block.start, len(tree), dtype=torch.bool)
        keys = torch.cat((block.path, torch.arange(block.start, block.stop)))
        seen[:, keys] = ~block.hidden
        assert torch.equal(seen, visible[block.start : block.stop])
