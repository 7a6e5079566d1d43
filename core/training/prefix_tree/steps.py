"""Which batches of an optimizer step share a tree, and how far a step has come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import PreTrainedModel

from core.training.prefix_tree import forward, trie
from core.training.prefix_tree.forward import Sequences, TreePass


def grouped(batches: Sequence[Sequences], max_tokens: int) -> list[list[Sequences]]:
    """Neighbouring batches whose common tree has at most that many tokens; one batch at least."""
    groups: list[list[Sequences]] = []
    for batch in batches:
        if groups and trie.size([ids for one in (*groups[-1], batch) for ids in one.ids]) <= max_tokens:
            groups[-1].append(batch)
        else:
            groups.append([batch])
    return groups


class Step:
    """The trees of some batches, used in their order."""

    def __init__(self, batches: Sequence[dict[str, torch.Tensor]], max_tokens: int) -> None:
        self._groups = grouped([forward.sequences(batch) for batch in batches], max_tokens)
        self._pass: TreePass | None = None
        self._number = 0

    def outputs(self, model: Any, base: PreTrainedModel) -> Any:
        """What TRL's model returns for the current batch."""
        if self._pass is None:
            self._pass = TreePass(self._groups[0])
        return self._pass.outputs(self._number, model, base)

    def next(self, *, backward: bool) -> None:
        """Go on to the next batch; after a tree's last one, `backward` adds its gradient to the model's."""
        self._number += 1
        if self._number == len(self._groups[0]):
            if backward and self._pass is not None:
                self._pass.backward()
            del self._groups[0]
            self._pass, self._number = None, 0
