"""Which examples of an optimizer step each rank computes.

Every rank has as many examples, in as many batches, so that TRL's loss is what it is on one device. Examples
of a dialogue stay on one rank where they can, whose prefix tree computes their beginning once, and the ranks
have about equally many tokens to compute.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from typing import Any

from transformers import TrainerCallback
from transformers.trainer_pt_utils import BatchRebalanceSampler

from core.training.data.dialogue_sampler import DialogueSampler
from core.training.prefix_tree import trie


class StepShares(BatchRebalanceSampler):
    """One rank's batches of all steps of an epoch.

    Transformers takes a `BatchRebalanceSampler` as one that has already divided the batches between ranks.
    """

    def __init__(
        self,
        order: DialogueSampler,
        dialogues: Sequence[str],
        sequences: Sequence[Sequence[list[int]]],
        *,
        batch_size: int,
        accumulation: int,
        ranks: int,
        rank: int,
    ) -> None:
        """`dialogues` and `sequences` have the dialogue and the token sequences of each example."""
        super().__init__(
            [1] * len(dialogues), batch_size * accumulation * ranks, ranks, accumulation, rank=rank
        )
        self._order = order
        self._dialogues = dialogues
        self._sequences = sequences
        self._batch_size = batch_size

    def set_epoch(self, epoch: int) -> None:
        self._order.set_epoch(epoch)

    def __len__(self) -> int:
        rest: int = -(-self.remainder // self.dp_size)
        return int(self.num_full_batches * self.grad_accum) + -(-rest // self._batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        order = iter(self._order)
        while step := list(islice(order, self.effective_batch_size)):
            mine = divided(step, self._dialogues, self._sequences, self.dp_size)[self.rank]
            for start in range(0, len(mine), self._batch_size):
                yield mine[start : start + self._batch_size]


class EpochCallback(TrainerCallback):
    """Has a sampler know the epoch also in a run that is resumed, where Transformers does not reach it."""

    def __init__(self, sampler: StepShares) -> None:
        self._sampler = sampler

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._sampler.set_epoch(int(state.epoch or 0))


def divided(
    step: Sequence[int], dialogues: Sequence[str], sequences: Sequence[Sequence[list[int]]], ranks: int
) -> list[list[int]]:
    """The examples of a step for each rank: equally many, with about equally many nodes of prefix trees.

    As Accelerate does, the first examples are repeated where the ranks would have unequal numbers.
    """
    each = -(-len(step) // ranks)
    groups: dict[str, list[int]] = {}
    for example in islice(cycle(step), each * ranks):
        groups.setdefault(dialogues[example], []).append(example)
    shares: list[list[int]] = [[] for _ in range(ranks)]
    tokens = [0] * ranks
    for group in sorted(groups.values(), key=lambda group: -_nodes(group, sequences)):
        left = group
        while left:
            able = [rank for rank in range(ranks) if len(shares[rank]) < each]
            whole = [rank for rank in able if len(shares[rank]) + len(left) <= each]
            rank = min(whole or able, key=lambda rank: tokens[rank])
            room = each - len(shares[rank])
            part, left = left[:room], left[room:]
            shares[rank] += part
            tokens[rank] += _nodes(part, sequences)
    return shares


def _nodes(examples: Sequence[int], sequences: Sequence[Sequence[list[int]]]) -> int:
    return trie.size([sequence for example in examples for sequence in sequences[example]])
