"""Signals that ask the program to end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from functools import partial


def on_termination(close: Callable[[int], object]) -> None:
    """Call `close` with the exit code on a termination signal; Textual then restores the terminal."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        # The exit code that a shell reports for a program that a signal ended.
        loop.add_signal_handler(number, partial(close, 128 + number))
