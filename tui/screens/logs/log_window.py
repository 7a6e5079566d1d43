"""The window of consecutive log lines in memory, which grows at either end."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.api import LogLine, LogPage

#: The max number of lines in memory; beyond that the far end is dropped.
MOST = 5_000


@dataclass(frozen=True)
class LogWindow:
    """The lines between byte `start` and byte `end` of a log that match a filter; `size` is the file's.

    An incomplete line begins at `end`. `is_last` if nothing follows yet. `head` is the file's beginning.
    """

    lines: tuple[LogLine, ...] = ()
    start: int = 0
    end: int = 0
    size: int = 0
    is_last: bool = True
    head: bytes = b""

    def index(self, start: int) -> int:
        """The index of the line at byte `start`, or else the first after it, or else the last."""
        found = bisect_left(self.lines, start, key=lambda line: line.start)
        return max(0, min(found, len(self.lines) - 1))

    def has(self, start: int) -> bool:
        """Whether the window has the line at byte `start`."""
        return bool(self.lines) and self.lines[self.index(start)].start == start

    def with_later(self, page: LogPage) -> LogWindow:
        """The window with a page appended that was read from `end`."""
        lines = tuple(line for line in self.lines if line.start < self.end) + page.lines
        start = self.start
        if len(lines) > MOST:
            lines = lines[-MOST:]
            start = lines[0].start
        return LogWindow(lines, start, page.end, page.size, page.is_last, page.head)

    def with_earlier(self, page: LogPage) -> LogWindow:
        """The window with a page prepended that was read backward from `start`."""
        lines = page.lines + self.lines
        if len(lines) > MOST:
            return LogWindow(lines[:MOST], page.start, lines[MOST].start, page.size, False, page.head)
        return LogWindow(lines, page.start, self.end, page.size, self.is_last, page.head)


def opened(above: LogPage, below: LogPage | None) -> LogWindow:
    """The window of a page before a position, and a page after it unless that was the end."""
    window = LogWindow(above.lines, above.start, above.end, above.size, above.is_last, above.head)
    return window if below is None else window.with_later(below)
