"""Reading logs of any size: lines after or before an offset, filtered and searched.

A line is what a terminal would show in the end: only the last state of a progress bar. Offsets are bytes of
the file. A call reads at most a few megabytes, and reports how far it read.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

from core.services.logs.record_formats import (
    LOG_LEVELS,
    LogLevel,
    bar_ends,
    level,
)

#: Bytes that a call reads at most, about 40 ms; the next call reads on.
BUDGET = 4_000_000
#: The maximum bytes of a line; a longer line is split.
LONGEST = 16_000
#: Bytes per read.
_BLOCK = 128_000
#: Bytes at the beginning by which a replaced file is recognised.
_HEAD = 256
#: Bytes before an offset in which the start of its record is searched for.
_RECORD = 64_000

_COLOURS = re.compile(r"\x1b\[[\d;:]*[mK]")


@dataclass(frozen=True)
class LogLine:
    """A line of a log."""

    start: int
    """Its first byte in the file."""
    end: int
    """The first byte of the next line."""
    level: LogLevel
    """The level of its record."""
    is_first: bool
    """Whether it begins its record."""
    text: str
    """As it was written, without colours; untrusted, to be made visible before it is shown."""


@dataclass(frozen=True)
class LogPage:
    """Lines, and the range of bytes that was searched for them."""

    lines: tuple[LogLine, ...]
    """The matching lines, the first one first."""
    start: int
    """The first byte that was searched."""
    end: int
    """The byte after the last one that was searched; that of an unfinished last line, which is read again."""
    size: int
    """Bytes of the file."""
    is_last: bool
    """Whether nothing follows yet."""
    head: bytes = b""
    """The beginning of the file."""

    def goes_on(self, size: int, head: bytes) -> bool:
        """Whether the file is still the one that had `size` bytes and began with `head`: it only grew.

        A file of a shared folder may be replaced, or shrink while another machine writes it again.
        """
        return self.size >= size and self.head.startswith(head)


@dataclass(frozen=True)
class LogFilter:
    """Selects lines."""

    min_level: LogLevel = "debug"
    """Only records of at least this level."""
    words: str = ""
    """Only lines with this text; case-sensitive if it has capitals. Empty for all."""
    firsts: bool = False
    """Only the first lines of records."""

    def test(self) -> Callable[[_RawLine, LogLevel, bool], bool]:
        """A predicate of a line, its level, and whether it begins a record."""
        grave, has_words, firsts = (
            LOG_LEVELS[LOG_LEVELS.index(self.min_level) :],
            _finder(self.words),
            self.firsts,
        )
        return lambda span, level, is_first: (
            level in grave and (is_first or not firsts) and (has_words is None or has_words(span.raw))
        )


ALL = LogFilter()


@dataclass(frozen=True)
class Log:
    """A log file, which may not exist."""

    path: Path
    """The file."""
    attempt: int | None = None
    """The attempt at a job that it belongs to; None for the supervisor's log."""
    attempts: tuple[int, ...] = ()
    """All attempts at the job, the oldest first; empty for the supervisor's log."""

    def ahead(self, start: int, count: int, wanted: LogFilter = ALL) -> LogPage:
        """The first `count` matching lines from byte `start` on, which must be the start of a line."""
        with _opened(self.path) as file:
            size = _written(file)
            head = _read(file, 0, min(size, _HEAD))
            at = start = min(start, size)
            is_last = at >= size
            found: list[LogLine] = []
            is_wanted, now = wanted.test(), _level_before(file, start)
            while not is_last and at - start < BUDGET:
                block = _read(file, at, min(at + _BLOCK, size))
                is_last = not block or at + len(block) >= size
                spans, at = _cut(block, at, is_end=is_last)
                for span, of, is_first in _recorded(spans, now):
                    now = of
                    if is_wanted(span, of, is_first):
                        found.append(_line(span, of, is_first))
                        if len(found) == count:
                            end = span.start if span.is_open else span.next
                            return LogPage(tuple(found), start, end, size, span.next >= size, head)
            return LogPage(tuple(found), start, at, size, is_last, head)

    def back(self, before: int | None, count: int, wanted: LogFilter = ALL) -> LogPage:
        """The last `count` matching lines before byte `before`, the start of a line; at the end for None."""
        with _opened(self.path) as file:
            size = _written(file)
            head = _read(file, 0, min(size, _HEAD))
            end = at = before = size if before is None else min(before, size)
            found: list[LogLine] = []
            is_wanted = wanted.test()
            while at > 0 and before - at < BUDGET and len(found) < count:
                low = max(0, at - _BLOCK)
                block = _read(file, low, at)
                skip = _first_start(block) if low else 0
                shown = block if at == size else _not_drawn_over(block)
                spans, done = _cut(shown[skip:], low + skip, is_end=True)
                end = done if at == size else end
                at = low + skip
                recorded = _recorded(spans, _level_before(file, at))
                found[:0] = [_line(*one) for one in recorded if is_wanted(*one)]
            if len(found) > count:
                del found[: len(found) - count]
            start = found[0].start if len(found) == count else at
            return LogPage(tuple(found), start, end, size, before >= size, head)


class _RawLine(NamedTuple):
    """A line's bytes, from `start`; the next line begins at `next`.

    `goes_on` for a later part of a long line; `is_open` while the line is unfinished.
    """

    start: int
    next: int
    raw: bytes
    goes_on: bool
    is_open: bool


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except FileNotFoundError:
        return io.BytesIO()


def _written(file: BinaryIO) -> int:
    """The bytes of a file without zeros at its end.

    A network file system may show the new size of a file before it shows what was written.
    """
    end = file.seek(0, 2)
    while end > 0:
        start = max(0, end - _RECORD)
        block = _read(file, start, end).rstrip(b"\0")
        if block:
            return start + len(block)
        end = start
    return 0


def _read(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(end - start)


def _cut(block: bytes, offset: int, *, is_end: bool) -> tuple[list[_RawLine], int]:
    """The lines of a block at byte `offset`, and the byte after them.

    At the end of the file (`is_end`), the last line may be unfinished; it is then open, and the returned
    byte is its first.
    """
    spans: list[_RawLine] = []
    at = 0
    while (stop := block.find(b"\n", at)) >= 0:
        spans += _pieces(block[at:stop], offset + at, offset + stop + 1)
        at = stop + 1
    if at == len(block) or (at and not is_end):
        return spans, offset + at
    rest = _pieces(block[at:], offset + at, offset + len(block), is_open=is_end)
    if is_end:
        return spans + rest, rest[-1].start
    # A line that is longer than the block: its last state, or complete parts of it.
    if rest[0].start > offset:
        return [], rest[0].start
    return (rest[:-1], rest[-1].start) if len(rest) > 1 else (rest, offset + len(block))


def _pieces(line: bytes, start: int, next_start: int, *, is_open: bool = False) -> list[_RawLine]:
    """The visible parts of a line: the text after the last carriage return, split if it is long.

    A record that was written directly after a progress bar is a separate line.
    """
    drawn = line.rstrip(b"\r")
    begin = drawn.rfind(b"\r") + 1
    shown = drawn[begin:]
    bars = [end for end in bar_ends(shown) if end < len(shown)]
    cuts = [0, *bars]
    while len(shown) - cuts[-1] > LONGEST:
        cuts.append(_character(shown, cuts[-1] + LONGEST))
    if len(cuts) == 1:
        return [_RawLine(start + begin, next_start, shown, False, is_open)]
    ends = [*cuts[1:], len(shown)]
    return [
        _RawLine(
            start + begin + cut,
            next_start if end == len(shown) else start + begin + end,
            shown[cut:end],
            number > len(bars),
            is_open and end == len(shown),
        )
        for number, (cut, end) in enumerate(zip(cuts, ends, strict=True))
    ]


def _character(raw: bytes, at: int) -> int:
    """The first byte of the UTF-8 character at byte `at`."""
    for back in range(4):
        if raw[at - back] & 0xC0 != 0x80:
            return at - back
    return at


def _first_start(block: bytes) -> int:
    """The start of the first complete line in a block; 0 if the block is part of one line."""
    return block.find(b"\n", 0, -1) + 1 or block.find(b"\r", 0, -1) + 1


def _not_drawn_over(block: bytes) -> bytes:
    """The block without states of a progress bar that later text overwrites."""
    return block[: block.rfind(b"\n") + 1] if block.endswith(b"\r") else block


def _recorded(spans: Iterable[_RawLine], now: LogLevel) -> Iterator[tuple[_RawLine, LogLevel, bool]]:
    """Each line with its record's level, and whether it begins the record; `now` is the previous level."""
    for span in spans:
        begun = None if span.goes_on else level(span.raw, now)
        now = begun or now
        yield span, now, begun is not None


def _level_before(file: BinaryIO, at: int) -> LogLevel:
    """The level of the record before byte `at`."""
    low = max(0, at - _RECORD)
    block = _read(file, low, at)
    skip = _first_start(block) if low else 0
    spans, _ = _cut(_not_drawn_over(block)[skip:], low + skip, is_end=True)
    return next((of for _, of, _ in reversed([*_recorded(spans, "info")])), "info")


def _line(span: _RawLine, level: LogLevel, is_first: bool) -> LogLine:
    text = _COLOURS.sub("", span.raw.decode(errors="replace"))
    return LogLine(span.start, span.next, level, is_first, text)


def _finder(words: str) -> Callable[[bytes], bool] | None:
    """A predicate for bytes that contain the words; None for no words."""
    if not words:
        return None
    sought = words.encode(errors="replace")
    if words != words.lower():
        return lambda raw: sought in raw
    if words.isascii():
        return lambda raw: sought in raw.lower()
    return lambda raw: words in raw.decode(errors="replace").lower()
