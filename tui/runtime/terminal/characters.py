"""Leaves out characters that could steer the terminal, and replaces those that its encoding lacks."""

from __future__ import annotations

import codecs
import sys
import unicodedata
from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from core.api import visible
from tui.runtime.terminal.output import terminal_output

#: ASCII substitute → the characters that it replaces; all are one cell wide.
_STANDS_FOR = {
    "+": "✓┌┐└┘├┤┬┴┼┿╭╮╰╯╔╗╚╝",
    "x": "✗×",
    ">": "▶▸›→≥",
    "<": "◀←≤",
    "o": "○□⊙",
    "*": "●▪★",
    ".": "◌·…▏",
    "-": "⊘—–─┄┈▁▎▍",
    "=": "‖━═▋▌",
    "|": "│┃┊┆║⊣",
    "^": "↑▲",
    "v": "↓▼",
    "#": "█▉▊■▐▓▄▅▆▇",
    ":": "▒░",
    "d": "Δ",
    "~": "±≈",
    '"': "“”",
    "'": "‘’",
    "!": "≠",
    "_": "▂▃",
}
_PLAIN = {shown: plain for plain, characters in _STANDS_FOR.items() for shown in characters}
#: The dots of a braille cell's upper half.
_UPPER = 0b00011011


def terminal_encoding() -> str:
    """The encoding of the app's output."""
    return getattr(terminal_output() or sys.__stderr__, "encoding", None) or "utf-8"


def is_unicode(encoding: str) -> bool:
    return codecs.lookup(encoding).name.startswith("utf")


class Inert(LineFilter):
    """Leaves out what could steer the terminal: a text field draws its value as it is."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        line = "".join(text for text, _, control in segments if not control)
        if visible(line) == line:
            return segments
        return [
            Segment(inert(text), style, control) if not control else Segment(text, style, control)
            for text, style, control in segments
        ]


def inert(text: str) -> str:
    """`text` without what `visible` replaces, of the same width in cells."""
    return "".join(one if visible(one) == one else " " * cell_len(one) for one in text)


class Plain(LineFilter):
    """Replaces every character that `encoding` lacks by one of the same width that it has."""

    def __init__(self, encoding: str) -> None:
        super().__init__()
        self._encoding = encoding

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            Segment(plain(text, self._encoding), style, control)
            if not control
            else Segment(text, style, control)
            for text, style, control in segments
        ]


@lru_cache(4096)
def plain(text: str, encoding: str) -> str:
    """`text` in characters that `encoding` has, of the same width in cells."""
    if text.isascii():
        return text
    return "".join(character if character.isascii() else _plain(character, encoding) for character in text)


@lru_cache(4096)
def _plain(character: str, encoding: str) -> str:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        width = cell_len(character)
    else:
        return character
    code = ord(character)
    if 0x2800 <= code <= 0x28FF:
        return _braille(code - 0x2800)
    # Other letters lose their accent.
    found = _PLAIN.get(character) or unicodedata.normalize("NFKD", character)[:1]
    return found if found.isascii() and len(found) == width else "?" * width


def _braille(dots: int) -> str:
    if not dots:
        return " "
    upper, lower = dots & _UPPER, dots & ~_UPPER
    return ":" if upper and lower else "'" if upper else "."
