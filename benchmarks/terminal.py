"""A program in a terminal of its own: keys go in, and what comes out is seen with the time of its coming."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Self

import pyte

#: As much as a pseudo-terminal holds.
_CHUNK = 65536
_WAIT_S = 30.0
#: Seconds between looks at what has come: drawing it keeps a processor from the program, so not at once.
_LOOK_S = 0.12


class Terminal:
    """Runs `command` in a pseudo-terminal of `size` cells, columns first."""

    def __init__(self, command: Sequence[str], size: tuple[int, int] = (120, 40)) -> None:
        self.began = time.perf_counter()
        # The child must not inherit a lock that a thread of this process holds: it starts before any.
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            for name in ("COLUMNS", "LINES"):
                os.environ.pop(name, None)
            os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
            os.execv(command[0], list(command))
        columns, lines = size
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)
        self._chunks: deque[tuple[float, bytes]] = deque()
        # Else a chunk's time would be that of the end of the drawing of another.
        sys.setswitchinterval(0.0005)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self._thread.join()
        os.close(self._terminal)

    def press(self, keys: str) -> float:
        """Send keys as a terminal does; the time."""
        at = time.perf_counter()
        os.write(self._terminal, keys.encode())
        return at

    def draw(self) -> Iterator[float]:
        """Draw what has come, part by part; the time at which each came."""
        while self._chunks:
            at, chunk = self._chunks.popleft()
            self._stream.feed(chunk)
            yield at

    def skip(self) -> None:
        """Forget what has come and is not drawn: what the screen shows is not known from then on."""
        self._chunks.clear()

    def wait(self, shows: Callable[[], bool], timeout_s: float = _WAIT_S) -> float | None:
        """The time at which that came with which the screen `shows` something; None if it never did."""
        deadline = time.perf_counter() + timeout_s
        while True:
            found = next((at for at in self.draw() if shows()), None)
            if found is not None or time.perf_counter() > deadline:
                return found
            time.sleep(_LOOK_S)

    def took(self, keys: str, shows: Callable[[], bool], timeout_s: float = _WAIT_S) -> float | None:
        """Seconds from pressing `keys` until that came with which the screen `shows` something."""
        for _ in self.draw():
            pass
        pressed = self.press(keys)
        time.sleep(_LOOK_S)
        painted = self.wait(shows, timeout_s)
        return None if painted is None else painted - pressed

    def settle(self, read: Callable[[], object] | None = None, quiet_s: float = 0.5) -> float:
        """Wait until `read`, by default the text, returns the same for `quiet_s`; when it last changed."""
        read = read or self.text
        last, since = read(), time.perf_counter()
        deadline = since + _WAIT_S
        while (now := time.perf_counter()) - since < quiet_s and now < deadline:
            for at in self.draw():
                if (seen := read()) != last:
                    last, since = seen, at
            time.sleep(_LOOK_S)
        return since

    def text(self) -> str:
        """What the screen shows, a line each."""
        return "\n".join(self.screen.display)

    def row(self, line: int, background: str) -> int:
        """How many cells of a line have this background, a colour as `2b3f52`."""
        cells = self.screen.buffer[line]
        return sum(cells[column].bg == background for column in range(self.screen.columns))

    def _read(self) -> None:
        while True:
            try:
                if not select.select([self._terminal], [], [], _WAIT_S)[0]:
                    continue
                chunk = os.read(self._terminal, _CHUNK)
            except OSError:
                return
            if not chunk:
                return
            self._chunks.append((time.perf_counter(), chunk))
