"""Which batches of an optimizer step share a tree, and how far a step has come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.parallel import DistributedDataParallel
from transformers import PreTrainedModel

from core.training.distributed import ranks
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


def split(groups: Sequence[list[Sequences]], count: int) -> list[list[Sequences]]:
    """So many groups, of which the longest ones are halved. There are as many batches at least."""
    found = list(groups)
    while len(found) < count:
        place = max(range(len(found)), key=lambda at: len(found[at]))
        middle = len(found[place]) // 2
        found[place : place + 1] = [found[place][:middle], found[place][middle:]]
    return found


@contextmanager
def _gradients_of_all(model: Any, *, is_last: bool) -> Iterator[None]:
    """Have the ranks add up their gradients after the pass through the model of a step's last tree.

    DDP decides it when the model runs, which is at a tree's first batch; Transformers expects it at a step's
    last batch.
    """
    if not isinstance(model, DistributedDataParallel):
        yield
        return
    before = model.require_backward_grad_sync
    model.require_backward_grad_sync = is_last
    try:
        yield
    finally:
        model.require_backward_grad_sync = before


class Step:
    """The trees of some batches, used in their order."""

    def __init__(
        self, batches: Sequence[dict[str, torch.Tensor]], max_tokens: int, *, together: bool = False
    ) -> None:
        """`together`: the model is divided between the ranks, which have to run it equally often."""
        self._groups = grouped([forward.sequences(batch) for batch in batches], max_tokens)
        if together:
            self._groups = split(self._groups, ranks.maximum(len(self._groups)))
        self._pass: TreePass | None = None
        self._number = 0

    def outputs(self, model: Any, base: PreTrainedModel) -> Any:
        """What TRL's model returns for the current batch."""
        if self._pass is None:
            self._pass = TreePass(self._groups[0])
        with _gradients_of_all(model, is_last=len(self._groups) == 1):
            return self._pass.outputs(self._number, model, base)

    def next(self, *, backward: bool) -> None:
        """Go on to the next batch; after a tree's last one, `backward` adds its gradient to the model's."""
        self._number += 1
        if self._number == len(self._groups[0]):
            if backward and self._pass is not None:
                self._pass.backward()
            del self._groups[0]
            self._pass, self._number = None, 0
