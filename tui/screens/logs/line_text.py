"""A log line's text as it is drawn: its characters, matches of a search, and rows of a width."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from rich.cells import get_character_cell_size

from tui.format.text import visible

if TYPE_CHECKING:
    from core.api import LogLine

#: The max number of marked matches per line.
_MARKED = 200


def shown(line: LogLine) -> str:
    """A line without control characters."""
    return _shown(line.text)


@lru_cache(maxsize=1000)
def _shown(text: str) -> str:
    return visible(text.expandtabs(4))


@lru_cache(maxsize=1000)
def matches(text: str, words: str) -> Sequence[tuple[int, int]]:
    """The matches of the words in a line; case-sensitive if the words have capitals."""
    if not words:
        return ()
    flags = re.IGNORECASE if words == words.lower() else re.NOFLAG
    found = re.finditer(re.escape(words), text, flags)
    return tuple(match.span() for match, _ in zip(found, range(_MARKED), strict=False))


def cut(text: str, aside: int, width: int) -> tuple[int, int]:
    """The characters in `width` cells after the first `aside` cells."""
    if text.isascii():
        return min(aside, len(text)), min(aside + width, len(text))
    begin = _fitting(text, 0, aside)
    return begin, _fitting(text, begin, width)


@lru_cache(maxsize=1000)
def wrapped(text: str, width: int) -> Sequence[tuple[int, int]]:
    """The text in rows of at most `width` cells, as spans of its characters; one row at least."""
    if text.isascii():
        cuts = [*range(0, len(text), width), len(text)]
    else:
        cuts = [0]
        while cuts[-1] < len(text):
            # At least one character, otherwise the loop would not end.
            cuts.append(max(_fitting(text, cuts[-1], width), cuts[-1] + 1))
    return tuple(pairwise(cuts)) or ((0, 0),)


def _fitting(text: str, begin: int, width: int) -> int:
    """The end of the characters from `begin` that fit into `width` cells."""
    end = begin
    while end < len(text) and (width := width - get_character_cell_size(text[end])) >= 0:
        end += 1
    return end
