"""The window of consecutive log lines in memory: a page that grows at either end."""

from __future__ import annotations

from bisect import bisect_left

from core.api import LogPage

#: The max number of lines in memory; beyond that the far end is dropped.
MAX_LINES = 5_000
#: The window before anything is read.
EMPTY = LogPage((), 0, 0, 0, is_last=True)


def opened(above: LogPage, below: LogPage | None) -> LogPage:
    """The window of a page before a position, and a page after it unless that was the end."""
    return above if below is None else with_later(above, below)


def index(window: LogPage, start: int) -> int:
    """The index of the line at byte `start`, or else the first after it, or else the last."""
    found = bisect_left(window.lines, start, key=lambda line: line.start)
    return max(0, min(found, len(window.lines) - 1))


def has(window: LogPage, start: int) -> bool:
    """Whether the window has the line at byte `start`."""
    return bool(window.lines) and window.lines[index(window, start)].start == start


def with_later(window: LogPage, page: LogPage) -> LogPage:
    """The window with a page appended that was read from its end."""
    lines = tuple(line for line in window.lines if line.start < window.end) + page.lines
    start = window.start
    if len(lines) > MAX_LINES:
        lines = lines[-MAX_LINES:]
        start = lines[0].start
    return LogPage(lines, start, page.end, page.size, page.is_last, page.head)


def with_earlier(window: LogPage, page: LogPage) -> LogPage:
    """The window with a page prepended that was read backward from its start."""
    lines = page.lines + window.lines
    if len(lines) > MAX_LINES:
        return LogPage(lines[:MAX_LINES], page.start, lines[MAX_LINES].start, page.size, False, page.head)
    return LogPage(lines, page.start, window.end, page.size, window.is_last, page.head)
