"""How a log stands, in words: followed or not, filtered, searched, of which attempt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.content import Content

from tui.format import values as formats
from tui.format.text import visible
from tui.screens.logs.log_search import COUNTED, Matches, Seek

if TYPE_CHECKING:
    from core.api import Log, LogFilter, LogLevel, LogLine

_LEVELS: dict[LogLevel, tuple[str, str]] = {
    "info": ("without debug", "text-muted"),
    "warning": ("▲ warnings and errors", "text-warning"),
    "error": ("✗ errors", "text-error"),
}
_SHORTEST_PATH = 20


@dataclass(frozen=True)
class LogStand:
    """What is shown of a log; `size` is the file's, `here` the line under the cursor."""

    log: Log | None
    size: int
    here: LogLine | None
    follows: bool
    is_reading: bool
    min_level: LogLevel
    words: str
    seek: Seek | None
    matches: Matches | None


def describe(stand: LogStand, width: int) -> Content:
    """A line of at most `width` cells; the file's path where there is room for it."""
    parts = [_place(stand)]
    if stand.min_level in _LEVELS:
        words, colour = _LEVELS[stand.min_level]
        parts.append(Content.styled(words, f"${colour}"))
    if stand.words:
        parts.append(Content.assemble((f"/{visible(stand.words)} ", "$text-accent"), _search(stand)))
    log = stand.log
    if log is not None and log.attempt is not None and len(log.attempts) > 1:
        of = f"try {log.attempts.index(log.attempt) + 1} of {len(log.attempts)}"
        parts.append(Content.styled(of, "$text-muted"))
    if stand.size:
        parts.append(Content.styled(formats.size(stand.size), "$text-muted"))
    line = Content("  ").join(parts)
    room = width - line.cell_length - 2
    if log is None or room < _SHORTEST_PATH:
        return line
    path = formats.folder(str(log.path), room)
    return Content.assemble(line, "  ", (path.rjust(room), "$text-muted"))


def nothing(stand: LogStand, level_key: str) -> str:
    """Why no line is shown; `level_key` changes what is left out."""
    if stand.is_reading:
        return "reading …"
    if stand.log is None:
        return "there is no log: the job has not run yet"
    if not stand.size:
        return "nothing is written yet: what comes is shown here"
    return f"no line is as grave as that: {level_key} shows the others"


def not_found(wanted: LogFilter, level_key: str) -> str:
    """That a search came to nothing."""
    if wanted.firsts:
        return "there is no error in this log"
    among = (
        "" if wanted.min_level == "debug" else f" in the lines that are shown: {level_key} shows the others"
    )
    return f"nothing matches {wanted.words!r}{among}"


def went_round(by: int) -> str:
    """That a search went on from the log's other end."""
    return "after the last one: from the beginning" if by > 0 else "before the first one: from the end"


def _place(stand: LogStand) -> Content:
    if stand.follows:
        return Content.styled("● following", "$text-accent")
    share = stand.here.start / stand.size if stand.here is not None and stand.size else 0
    return Content.styled(f"‖ at {formats.percent(share)}", "$text-warning")


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
