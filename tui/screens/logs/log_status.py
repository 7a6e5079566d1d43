"""The status line of a log: following, filter, search, and attempt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.content import Content

from tui.format import values as formats
from tui.format.text import visible
from tui.screens.logs.log_search import COUNTED, Matches, SearchState

if TYPE_CHECKING:
    from core.api import Log, LogFilter, LogLevel, LogLine

_LEVELS: dict[LogLevel, tuple[str, str]] = {
    "info": ("info and above", "text-muted"),
    "warning": ("▲ warnings and errors", "text-warning"),
    "error": ("✗ errors", "text-error"),
}
_SHORTEST_PATH = 20


@dataclass(frozen=True)
class LogStand:
    """The state of a shown log; `size` is the file's, `here` the line under the cursor.

    `trouble` is why the last read failed.
    """

    log: Log | None
    trouble: str | None
    size: int
    here: LogLine | None
    follows: bool
    is_reading: bool
    min_level: LogLevel
    words: str
    seek: SearchState | None
    matches: Matches | None


def describe(stand: LogStand, width: int) -> Content:
    """A status line of at most `width` cells, with the file's path if it fits."""
    parts = [_place(stand)]
    if stand.trouble is not None:
        parts.append(Content.styled(f"✗ cannot be read: {visible(stand.trouble)}", "$text-error"))
    if stand.min_level in _LEVELS:
        words, colour = _LEVELS[stand.min_level]
        parts.append(Content.styled(words, f"${colour}"))
    if stand.words:
        parts.append(Content.assemble((f"/{visible(stand.words)} ", "$text-accent"), _search(stand)))
    log = stand.log
    if log is not None and log.attempt is not None and len(log.attempts) > 1:
        of = f"attempt {log.attempts.index(log.attempt) + 1} of {len(log.attempts)}"
        parts.append(Content.styled(of, "$text-muted"))
    if stand.size:
        parts.append(Content.styled(formats.size(stand.size), "$text-muted"))
    line = Content("  ").join(parts)
    free = width - line.cell_length - 2
    if log is None or free < _SHORTEST_PATH:
        return line
    path = formats.folder(str(log.path), free)
    return Content.assemble(line, "  ", (path.rjust(free), "$text-muted"))


def nothing(stand: LogStand, level_key: str) -> str:
    """Why no line is shown; `level_key` changes the min level."""
    if stand.is_reading:
        return "reading …"
    if stand.log is None:
        return "no log: the job has not run yet"
    if stand.trouble is not None:
        return "the log cannot be read now; it is tried again while it is followed"
    if not stand.size:
        return "the log is empty; new lines appear here"
    return f"no lines of this level: {level_key} changes the level"


def not_found(wanted: LogFilter, level_key: str) -> str:
    """The message if a search finds no match."""
    if wanted.firsts:
        return "this log has no errors"
    among = "" if wanted.min_level == "debug" else f" in the shown lines: {level_key} changes the level"
    return f"no match for {wanted.words!r}{among}"


def search_wrapped(by: int) -> str:
    """The message if a search wrapped around."""
    return "search wrapped to the beginning" if by > 0 else "search wrapped to the end"


def _place(stand: LogStand) -> Content:
    if stand.follows:
        return Content.styled("● following", "$text-accent")
    share = stand.here.start / stand.size if stand.here is not None and stand.size else 0
    return Content.styled(f"stopped at {formats.percent(share)}", "$text-warning")


def _search(stand: LogStand) -> str:
    if stand.seek is not None:
        at = stand.seek.at
        share = 0.0 if at is None or not stand.size else at / stand.size
        return f"searching, at {formats.percent(share)}"
    matches = stand.matches
    if matches is None:
        return ""
    known = min(len(matches.starts), COUNTED)
    so_far = "more than " if matches.are_many else "" if matches.is_last else "so far "
    number = None if stand.here is None else matches.number(stand.here.start)
    if number is not None:
        return f"match {formats.count(number)} of {so_far}{formats.count(known)}"
    if not known:
        return "no match" if matches.is_last else "no match so far"
    return f"{so_far}{formats.count(known)} matches"
