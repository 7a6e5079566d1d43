"""A command on another machine, in this terminal or without one, until it ends or the connection does."""

from __future__ import annotations

import os
import re
import selectors
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import Any

from tui.remote.connection import NO_CONNECTION
from tui.remote.terminal_modes import TerminalModes
from tui.runtime.terminal.remote_terminal import SUSPEND

_READ = 65536
#: What ssh says at the end of every session in a terminal.
_CLOSED = re.compile(rb"(Shared c|C)onnection to \S+ closed\.\r?\n")


@dataclass(frozen=True)
class SessionEnd:
    """How a session ended."""

    code: int
    """The command's exit code; 255 if there was no connection, 128 and more if a signal ended it."""
    is_lost: bool
    """Whether ssh ended before the command, or never reached the machine."""
    was_drawn: bool
    """Whether the command was drawing on the whole screen when it ended."""


def run_piped(words: Sequence[str]) -> SessionEnd:
    """Run ssh with this process's own standard streams."""
    with subprocess.Popen(words) as process, _signals_passed_to(process) as ended_by:
        code = process.wait()
    return _end(code, ended_by, was_drawn=False)


def run_in_terminal(words: Sequence[str]) -> SessionEnd:
    """Run ssh, which has a terminal allocated there, in this terminal.

    Whatever happens to ssh, this terminal is as it was before. ssh reads the keys itself; what it prints
    passes through this process, which so knows what is switched on.
    """
    modes = TerminalModes()
    before = termios.tcgetattr(sys.stdin)
    with (
        subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process,
        _signals_passed_to(process) as ended_by,
    ):
        try:
            held = _copy_output(process, modes, before)
            code = process.wait()
        finally:
            was_drawn = modes.is_drawn_on
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
            _write(sys.stdout.fileno(), modes.undo())
    _write(sys.stderr.fileno(), held)
    return _end(code, ended_by, was_drawn)


def _copy_output(process: subprocess.Popen[bytes], modes: TerminalModes, attributes: list[Any]) -> bytes:
    """Show what ssh prints until the command ends, and stop with it when the app asks for that.

    `attributes` are the terminal's before ssh changed them.

    ssh's own words, which come by stderr, would be lost while the command draws on the whole screen: those
    are returned.
    """
    output, words = process.stdout, process.stderr
    assert output is not None
    assert words is not None
    os.set_blocking(words.fileno(), False)
    held = output_rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        selector.register(words, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select()}
            if words in ready:
                said = os.read(words.fileno(), _READ)
                held = _show_words(held + said, modes)
                if not said:
                    selector.unregister(words)
            if output in ready:
                read = os.read(output.fileno(), _READ)
                # An ssh that stays for later sessions may hold stderr open.
                if not read:
                    _write(sys.stdout.fileno(), output_rest)
                    break
                *shown, output_rest = _parts(output_rest + read)
                for part in shown:
                    modes.feed(part)
                    _write(sys.stdout.fileno(), part)
                    if part.endswith(SUSPEND):
                        _stop(process, attributes)
    process.wait()
    with suppress(BlockingIOError):
        while said := os.read(words.fileno(), _READ):
            held += said
    return _CLOSED.sub(b"", held)


def _parts(output: bytes) -> list[bytes]:
    """The output, cut after each request to stop; the last part is the beginning of one, or empty."""
    *parts, rest = output.split(SUSPEND)
    begun = next((n for n in range(len(SUSPEND) - 1, 0, -1) if rest.endswith(SUSPEND[:n])), 0)
    end = len(rest) - begun
    return [*(part + SUSPEND for part in parts), *([rest[:end]] if end else []), rest[end:]]


def _stop(process: subprocess.Popen[bytes], attributes: list[Any]) -> None:
    """Stop this process and ssh, until the shell continues them."""
    raw = termios.tcgetattr(sys.stdin)
    termios.tcsetattr(sys.stdin, termios.TCSADRAIN, attributes)
    os.kill(0, signal.SIGTSTP)
    termios.tcsetattr(sys.stdin, termios.TCSADRAIN, raw)
    # The terminal may have another size since.
    process.send_signal(signal.SIGWINCH)


def _show_words(said: bytes, modes: TerminalModes) -> bytes:
    """Show whole lines unless the command draws on the whole screen; what was not shown."""
    if modes.is_drawn_on:
        return said
    whole, end, rest = said.rpartition(b"\n")
    _write(sys.stderr.fileno(), _CLOSED.sub(b"", whole + end))
    return rest


def _write(descriptor: int, text: bytes) -> None:
    while text:
        text = text[os.write(descriptor, text) :]


def _end(code: int, ended_by: Sequence[int], was_drawn: bool) -> SessionEnd:
    if ended_by and code != 0:
        return SessionEnd(128 + ended_by[0], False, was_drawn)
    # Something else has ended ssh by a signal.
    return SessionEnd(NO_CONNECTION if code < 0 else code, code < 0 or code == NO_CONNECTION, was_drawn)


@contextmanager
def _signals_passed_to(process: subprocess.Popen[bytes]) -> Iterator[list[int]]:
    """End ssh when this process is asked to end; the signals that asked.

    Ctrl+C reaches ssh without this, because it is in the terminal's foreground as well.
    """
    received: list[int] = []

    def end(number: int, _: FrameType | None) -> None:
        received.append(number)
        if number != signal.SIGINT:
            process.terminate()

    numbers = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
