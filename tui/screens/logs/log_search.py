"""Searches a whole log step by step, and counts all matches."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.api import Log, LogFilter, LogPage

#: The max number of counted matches.
COUNTED = 1_000


@dataclass(frozen=True)
class SearchState:
    """A search for the next match forward (`by` 1) or backward (-1) from byte `at`; None is the log's end.

    `start` is where it began; it wraps around at the ends of the log.
    """

    by: int
    wanted: LogFilter
    at: int | None
    wraps: bool
    search_wrapped: bool = False

    def look(self, log: Log) -> LogPage:
        """One step; reads a few megabytes."""
        return log.ahead(self.at or 0, 1, self.wanted) if self.by > 0 else log.back(self.at, 1, self.wanted)

    def after(self, page: LogPage) -> SearchState | None:
        """The next step, after one that found nothing; None if the whole log was searched."""
        if self.by > 0 and not page.is_last:
            return replace(self, at=page.end)
        if self.by < 0 and page.start > 0:
            return replace(self, at=page.start)
        if self.wraps and not self.search_wrapped:
            return replace(self, at=0 if self.by > 0 else None, search_wrapped=True)
        return None


@dataclass(frozen=True)
class Matches:
    """The start bytes of matching lines, counted up to byte `end` of `size`.

    `is_last` if that is the log's end.
    """

    wanted: LogFilter
    starts: tuple[int, ...] = ()
    end: int = 0
    size: int = 0
    is_last: bool = False

    @property
    def are_many(self) -> bool:
        """Whether there are more matches than are counted."""
        return len(self.starts) > COUNTED

    @property
    def are_all(self) -> bool:
        return self.is_last and not self.are_many

    def look(self, log: Log) -> LogPage:
        """One step of counting."""
        return log.ahead(self.end, COUNTED + 1 - len(self.starts), self.wanted)

    def with_page(self, page: LogPage) -> Matches:
        # An incomplete line is read again from its beginning.
        known = tuple(start for start in self.starts if start < page.start)
        starts = known + tuple(line.start for line in page.lines)
        return Matches(self.wanted, starts, page.end, page.size, page.is_last)

    def number(self, start: int) -> int | None:
        """The number, from 1, of the match at byte `start`; None if no counted match begins there."""
        place = bisect_left(self.starts, start)
        return place + 1 if place < len(self.starts) and self.starts[place] == start else None

    def next(self, start: int, by: int) -> tuple[int, bool]:
        """The next match after byte `start` (`by` 1) or before it (-1), and whether it wrapped around.

        There must be at least one match.
        """
        place = bisect_left(self.starts, start + (by > 0)) - (by < 0)
        return self.starts[place % len(self.starts)], not 0 <= place < len(self.starts)
