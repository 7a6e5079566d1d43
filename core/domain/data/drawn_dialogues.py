"""Some dialogues that stand for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from core.domain.data.dialogues import Dialogue, Split


@dataclass(frozen=True)
class DrawnDialogues:
    """Dialogues drawn from the imported ones: all of them, unless there are very many.

    Estimates are made from them: they are exact where all were drawn.
    """

    dialogues: Sequence[Dialogue]
    """In the file's order."""
    totals: dict[Split, int]
    """How many dialogues there are in each split, drawn or not."""
    drawn: dict[Split, int] = field(init=False)
    """How many of them were drawn."""

    def __post_init__(self) -> None:
        splits: tuple[Split, ...] = ("train", "test")
        drawn = {split: sum(one.split == split for one in self.dialogues) for split in splits}
        object.__setattr__(self, "drawn", drawn)

    @property
    def is_whole(self) -> bool:
        """Whether all were drawn."""
        return self.drawn == self.totals

    def of(self, split: Split, at_most: int | None = None) -> list[Dialogue]:
        """The drawn dialogues of a split; `at_most` so many, evenly from the whole file."""
        found = [dialogue for dialogue in self.dialogues if dialogue.split == split]
        if at_most is None or len(found) <= at_most:
            return found
        return [found[number * len(found) // at_most] for number in range(at_most)]
