"""Steps through the pairs of two responders: the filtered pairs and the current one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING

from tui.format.text import visible
from tui.navigation.pair_filter import PairFilter
from tui.screens.pairs.pair_lines import PairSet

if TYPE_CHECKING:
    from core.api import Pair


class PairWalk:
    """`found` are the pairs that match `wanted`, `at` is the index of the current one."""

    def __init__(self) -> None:
        self.pairs = PairSet()
        self.found: Sequence[Pair] = ()
        self.wanted = PairFilter()
        self.at = 0

    @property
    def all(self) -> Sequence[Pair]:
        """The pairs without a filter."""
        return self.pairs.all

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
        return f"{place}, {self.pairs.same}" if self.pairs.same else place

    def nothing(self, key_name: Callable[[str, str], str], *, is_read: bool) -> str:
        """The message if no pair is shown; `is_read` is whether the pairs are loaded, `key_name` is the
        app's."""
        if not is_read:
            return "Reading the responses …"
        if self.all:
            wanted, clear = visible(self.wanted.words()), key_name("screen.back", "Esc")
            return f"None of {len(self.all)} pairs matches: {wanted}. {clear} clears."
        return (
            "There are no pairs yet: a pair is a test dialogue with two responses.\n"
            f"Import data, then choose responders with {key_name('pairs.a', 'a')} and "
            f"{key_name('pairs.b', 'b')}."
        )

    def put(self, pairs: PairSet, wanted: PairFilter, found: Sequence[Pair]) -> None:
        """Switch to these pairs, of which those `found` match a filter; stay on the same dialogue or else at
        the same index."""
        self.pairs = pairs
        self.narrow(wanted, found, otherwise=self.at)

    def narrow(self, wanted: PairFilter, found: Sequence[Pair], *, otherwise: int = 0) -> None:
        """Apply a filter, which the pairs `found` match; stay on the current dialogue if it is one of them,
        or else go to an index."""
        shown = None if self.pair is None else self.pair.dialog_id
        self.wanted, self.found, self.at = wanted, found, 0
        if shown is None or not self.seek(shown):
            self.go(otherwise)

    def arrange(self, order: Sequence[str]) -> None:
        """Put the pairs found into an order of their dialogues; stay on the current one."""
        shown = None if self.pair is None else self.pair.dialog_id
        by_id = dict(zip(map(attrgetter("dialog_id"), self.found), self.found, strict=True))
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
        lines = self.pairs.lines
        place = next((at for at in order if lines[self.found[at].dialog_id].disagrees), None)
        if place is not None:
            self.at = place
        return place is not None
