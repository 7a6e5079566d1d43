"""What a program on another machine has switched in this terminal, so that it can be switched back."""

from __future__ import annotations

import re

#: DEC private modes set or reset, and the stack of keyboard modes pushed or popped.
_CHANGE = re.compile(rb"\x1b\[(?:\?(?P<modes>[\d;]+)(?P<set>[hl])|(?P<keys>[><])\d*u)")
#: The longest unfinished sequence that is kept until the rest of it arrives.
_LONGEST = 64
#: Modes that are on in a terminal that nobody has changed: the cursor is shown, and lines wrap.
_USUALLY_ON = frozenset((b"25", b"7"))
#: Both use the alternate screen, and give the cursor back its place.
ALTERNATE = (b"1049", b"1047", b"47")


class TerminalModes:
    """Follows the output of a program."""

    def __init__(self) -> None:
        #: Modes that are not as usual, in the order of their change.
        self._changed: dict[bytes, None] = {}
        self._pushed = 0
        self._rest = b""

    @property
    def is_drawn_on(self) -> bool:
        """Whether the program draws on the alternate screen."""
        return any(mode in self._changed for mode in ALTERNATE)

    def feed(self, output: bytes) -> None:
        """Note what the next part of the output changes."""
        text = self._rest + output
        end = 0
        for change in _CHANGE.finditer(text):
            end = change.end()
            if change["keys"] is not None:
                self._pushed = max(0, self._pushed + (1 if change["keys"] == b">" else -1))
                continue
            for mode in change["modes"].split(b";"):
                if (change["set"] == b"h") == (mode in _USUALLY_ON):
                    self._changed.pop(mode, None)
                else:
                    self._changed[mode] = None
        start = text.rfind(b"\x1b", max(end, len(text) - _LONGEST))
        self._rest = b"" if start < 0 else text[start:]

    def undo(self) -> bytes:
        """What brings the terminal back to its usual state; nothing if it is in it."""
        if not (self._changed or self._pushed):
            return b""
        pops = b"\x1b[<u" * self._pushed
        # The alternate screen is left last: it has its own keyboard modes in some terminals.
        order = sorted(self._changed, key=lambda mode: mode in ALTERNATE)
        modes = b"".join(b"\x1b[?%s%s" % (mode, b"h" if mode in _USUALLY_ON else b"l") for mode in order)
        self._changed, self._pushed, self._rest = {}, 0, b""
        # The rest of an unfinished sequence is ended, and colours are reset.
        return b"\x18\x1b[0m" + pops + modes
