"""Keeps pasted text from being taken for keys."""

from __future__ import annotations

from collections.abc import Generator, Iterable

from textual._xterm_parser import BRACKETED_PASTE_END, BRACKETED_PASTE_START, XTermParser
from textual.message import Message

#: Shows the control characters of a paste as pictures; tabs and line breaks stay, NUL is dropped by Textual.
_PICTURES = {code: chr(0x2400 + code) for code in range(1, 0x20) if chr(code) not in "\t\n\r"}
_PICTURES |= {0x7F: "␡", **{code: f"<U+{code:04X}>" for code in range(0x80, 0xA0)}}
#: A beginning of the mark before a paste that has this many characters is no key: it waits for the rest.
_NO_KEY = 3


class PasteParser(XTermParser):
    """Textual's parser, for pastes that contain escape characters.

    Textual takes what follows an escape character for keys: text from a log could start and stop jobs.
    It does the same with the mark around a paste when a slow connection delivers it in parts.
    """

    def __init__(self, debug: bool = False) -> None:
        super().__init__(debug)
        self._is_pasting = False
        #: The end of the input where it may begin a mark: if it waits for the rest, and if it was parsed.
        self._held = self._parsed = ""
        #: Whether Textual has meanwhile taken `_parsed` for keys.
        self._gave_up = False

    def tick(self) -> Iterable[Message]:
        """The messages that are due because no input followed."""
        awaited = self._timeout_time
        found = list(super().tick())
        self._gave_up |= awaited is not None and self._timeout_time is None
        return found

    def feed(self, data: str) -> Iterable[Message]:
        """The messages in further input; an empty one ends the stream."""
        if not data:
            yield from super().feed("")
            return
        data, self._held = self._held + data, ""
        while data:
            data = yield from self._feed_paste(data) if self._is_pasting else self._feed_keys(data)
        self._gave_up = False

    def _feed_paste(self, data: str) -> Generator[Message, None, str]:
        """Parse the text of a paste up to its end; returns what follows."""
        text, end, rest = data.partition(BRACKETED_PASTE_END)
        if not end:
            text, self._held = _split(text, BRACKETED_PASTE_END)
        if text:
            yield from super().feed(text.translate(_PICTURES))
        if end:
            self._is_pasting = False
            yield from super().feed(end)
        return rest

    def _feed_keys(self, data: str) -> Generator[Message, None, str]:
        """Parse what is typed up to the beginning of a paste; returns what follows."""
        known, self._parsed = self._parsed, ""
        before, mark, rest = (known + data).partition(BRACKETED_PASTE_START)
        if mark:
            self._is_pasting = True
            if len(before) > len(known):
                yield from super().feed(before[len(known) :])
            is_begun = known and not before and not self._gave_up
            yield from super().feed(mark[len(known) :] if is_begun else mark)
            return rest
        text, end = _split(known + data, BRACKETED_PASTE_START)
        if len(end) < _NO_KEY:
            self._parsed = end
            yield from super().feed(data)
        elif text:
            self._held = end
            if new := text[len(known) :]:
                yield from super().feed(new)
        else:
            self._parsed, self._held = known, data
        return ""


def _split(text: str, mark: str) -> tuple[str, str]:
    """`text` without its longest end that is a beginning of `mark`, and that end."""
    length = next((n for n in range(min(len(text), len(mark) - 1), 0, -1) if text.endswith(mark[:n])), 0)
    return text[: len(text) - length], text[len(text) - length :]
