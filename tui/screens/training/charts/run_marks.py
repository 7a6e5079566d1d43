"""Marked runs are drawn together: each keeps its number and its colour while it is marked."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

#: Okabe and Ito's hues of the numbers 1, 2, …, on dark and on light backgrounds.
_COLOURS = {
    True: ("#56b4e9", "#e69f00", "#2bb58b", "#e8703a", "#cc79a7", "#f0e442"),
    False: ("#0072b2", "#a86b00", "#00755a", "#c04a00", "#a8467f", "#22282f"),
}
#: The max number of distinct curves.
MAX_MARKS = len(_COLOURS[True])


@dataclass(frozen=True)
class DrawnRun:
    """A run in the charts: its number and its colour."""

    job: str
    number: str
    colour: str


class Marks:
    """The marked runs, each with the index of its colour."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}

    def __contains__(self, run: str) -> bool:
        return run in self._places

    def toggle(self, run: str) -> bool:
        """Mark or unmark a run; False if no colour is free."""
        if run in self._places:
            del self._places[run]
            return True
        free = self._free(self._places)
        if free is None:
            return False
        self._places[run] = free
        return True

    def clear(self) -> None:
        self._places.clear()

    def keep(self, known: Container[str]) -> None:
        """Unmark runs that no longer exist."""
        self._places = {run: place for run, place in self._places.items() if run in known}

    def shown(self, selected: str | None, is_dark: bool) -> tuple[DrawnRun, ...]:
        """The marked runs, then the selected one if a colour is free."""
        places = dict(self._places)
        free = self._free(places)
        if selected is not None and free is not None:
            places.setdefault(selected, free)
        ordered = sorted(places, key=lambda run: (run == selected, places[run]))
        return tuple(DrawnRun(run, str(places[run] + 1), _COLOURS[is_dark][places[run]]) for run in ordered)

    def _free(self, places: dict[str, int]) -> int | None:
        return next((place for place in range(MAX_MARKS) if place not in places.values()), None)
