"""Steps through the pairs of two responders: the filtered pairs and the current one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tui.format.text import visible
from tui.navigation import pair_filter
from tui.navigation.pair_filter import PairFilter

if TYPE_CHECKING:
    from core.api import Pair


class PairWalk:
    """`found` are the pairs of `all` that match `wanted`, `at` is the index of the current one."""

    def __init__(self) -> None:
        self.all: Sequence[Pair] = ()
        self.found: Sequence[Pair] = ()
        self.wanted = PairFilter()
        self.at = 0
        #: In how many of all pairs both responses are the same text; empty for none.
        self.same = ""

    @property
    def pair(self) -> Pair | None:
        """The current pair."""
        return self.found[self.at] if self.found else None

    @property
    def place(self) -> str:
        """The position of the current pair, and the filter."""
        place = f"{self.at + 1}/{len(self.found)}"
        if self.wanted:
            place = f"{place} of {len(self.all)}, {self.wanted.words()}"
        return f"{place}, {self.same}" if self.same else place

    def nothing(self, *, is_read: bool) -> str:
        """The message if no pair is shown; `is_read` is whether the pairs are loaded."""
        if not is_read:
            return "Reading the responses …"
        if self.all:
            return f"None of {len(self.all)} pairs matches: {visible(self.wanted.words())}. Esc clears."
        return (
            "There are no pairs yet: a pair is a test dialogue with two responses. Import data, then "
            "choose responders with a and b."
        )

    def put(self, pairs: Sequence[Pair]) -> None:
        """Switch to these pairs; stay on the same dialogue or else at the same index."""
        at = self.at
        self.all = pairs
        same, answered = pair_filter.same_answers(pairs)
        self.same = f"the same text in {same} of {answered}" if same else ""
        self.narrow(self.wanted, otherwise=at)

    def narrow(self, wanted: PairFilter, *, otherwise: int = 0) -> None:
        """Apply a filter; stay on the current dialogue if it matches, or else go to an index."""
        shown = None if self.pair is None else self.pair.dialog_id
        self.wanted = wanted
        self.found = pair_filter.chosen(self.all, wanted)
        self.at = 0
        if shown is None or not self.seek(shown):
            self.go(otherwise)

    def arrange(self, order: Sequence[str]) -> None:
        """Put the pairs found into an order of their dialogues; stay on the current one."""
        shown = None if self.pair is None else self.pair.dialog_id
        by_id = {pair.dialog_id: pair for pair in self.found}
        self.found = [by_id[dialog_id] for dialog_id in order if dialog_id in by_id]
        if shown is not None:
            self.seek(shown)

    def go(self, place: int) -> None:
        """Go to an index, clipped to the range."""
        self.at = max(0, min(place, len(self.found) - 1))

    def seek(self, dialog_id: str) -> bool:
        """Go to a dialogue; return whether it is among those found."""
        places = (at for at, pair in enumerate(self.found) if pair.dialog_id == dialog_id)
        place = next(places, None)
        if place is not None:
            self.at = place
        return place is not None

    def next_disagreement(self) -> bool:
        """Go to the next dialogue in which judges, or a judge's orders, disagree; wraps around.

        Returns whether there is one.
        """
        order = [*range(self.at + 1, len(self.found)), *range(self.at + 1)]
        place = next((at for at in order if pair_filter.disagree(self.found[at])), None)
        if place is not None:
            self.at = place
        return place is not None
