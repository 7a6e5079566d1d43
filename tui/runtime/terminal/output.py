"""The stream that the app is drawn on."""

from __future__ import annotations

import sys
from typing import TextIO


def terminal_output() -> TextIO | None:
    """The stream that the app is drawn on: stderr as Textual has it, or stdout if stderr is redirected.

    None without a terminal.
    """
    streams = (stream for stream in (sys.__stderr__, sys.__stdout__) if stream is not None)
    return next((stream for stream in streams if not stream.closed and stream.isatty()), None)
