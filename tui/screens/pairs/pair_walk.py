"""Going through the pairs of two responders: those that a filter leaves, and which of them is shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tui.navigation import pair_filter
from tui.navigation.pair_filter import PairFilter

if TYPE_CHECKING:
    from core.api import Pair


class PairWalk:
    """`found` are those of `all` that are as `wanted`, `at` the place among them."""

    def __init__(self) -> None:
        self.all: Sequence[Pair] = ()
        self.found: Sequence[Pair] = ()
        self.wanted = PairFilter()
        self.at = 0

    @property
    def pair(self) -> Pair | None:
        """The one that is shown."""
        return self.found[self.at] if self.found else None

    @property
    def place(self) -> str:
        """Which of how many it is, and of what kind they are."""
        place = f"{self.at + 1}/{len(self.found)}"
        return f"{place} of {len(self.all)}, {self.wanted.words()}" if self.wanted else place

    def put(self, pairs: Sequence[Pair]) -> None:
        """Go through these pairs, on from the same dialogue or else from the same place."""
        at = self.at
        self.all = pairs
        self.narrow(self.wanted, otherwise=at)

    def narrow(self, wanted: PairFilter, *, otherwise: int = 0) -> None:
        """Filter anew; stay with the dialogue that is shown if it is left, or else go to a place."""
        shown = None if self.pair is None else self.pair.dialog_id
        self.wanted = wanted
        self.found = pair_filter.chosen(self.all, wanted)
        self.at = 0
        if shown is None or not self.seek(shown):
            self.go(otherwise)

    def go(self, place: int) -> None:
        """Go to a place, or the end that it lies beyond."""
        self.at = max(0, min(place, len(self.found) - 1))

    def seek(self, dialog_id: str) -> bool:
        """Go to a dialogue; whether it is among those found."""
        places = (at for at, pair in enumerate(self.found) if pair.dialog_id == dialog_id)
        place = next(places, None)
        if place is not None:
            self.at = place
        return place is not None

    def next_disagreement(self) -> bool:
        """Go to the next dialogue in which judges, or a judge's orders, disagree, round after the last;
        whether there is one."""
        order = [*range(self.at + 1, len(self.found)), *range(self.at + 1)]
        place = next((at for at in order if pair_filter.disagree(self.found[at])), None)
        if place is not None:
            self.at = place
        return place is not None
