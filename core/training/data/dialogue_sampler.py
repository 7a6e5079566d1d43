"""The order of examples that keeps those of a dialogue in one optimizer step."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence

from torch.utils.data import Sampler


class DialogueSampler(Sampler[int]):
    """A random order of dialogues, in which none is divided between two steps while that can be avoided.

    A dialogue that does not fit into the rest of a step waits for the next one. One is divided only if no
    waiting dialogue fits, or if it has more examples than a step.
    """

    def __init__(self, dialogues: Sequence[str], step_size: int, seed: int) -> None:
        """`dialogues` has the dialogue of each example."""
        self._by_dialogue: dict[str, list[int]] = defaultdict(list)
        for index, dialogue in enumerate(dialogues):
            self._by_dialogue[dialogue].append(index)
        self._step_size = step_size
        self._seed = seed
        self._epoch = 0
        self._count = len(dialogues)

    def set_epoch(self, epoch: int) -> None:
        self._epoch = epoch

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[int]:
        draw = random.Random(f"{self._seed}/{self._epoch}")
        waiting = list(self._by_dialogue.values())
        draw.shuffle(waiting)
        while waiting:
            room = self._step_size
            passed: list[list[int]] = []
            for place, group in enumerate(waiting):
                if len(group) <= room:
                    yield from group
                    room -= len(group)
                else:
                    passed.append(group)
                if not room:
                    passed += waiting[place + 1 :]
                    break
            if room and passed:
                yield from passed[0][:room]
                passed[0] = passed[0][room:]
            waiting = passed
