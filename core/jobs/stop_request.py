"""An event that signal handlers may set."""

from __future__ import annotations

import threading
import time

#: Seconds between two looks of a thread that waits.
_LOOK_S = 0.05


class StopRequest(threading.Event):
    """`threading.Event` without its lock, which the very thread may hold that a handler interrupts: the
    process would wait for itself for ever. It is never cleared."""

    def __init__(self) -> None:
        super().__init__()
        self._is_requested = False

    def is_set(self) -> bool:
        return self._is_requested

    def set(self) -> None:
        self._is_requested = True

    def wait(self, timeout: float | None = None) -> bool:
        until = None if timeout is None else time.monotonic() + timeout
        while not self._is_requested:
            left = _LOOK_S if until is None else until - time.monotonic()
            if left <= 0:
                break
            time.sleep(min(left, _LOOK_S))
        return self._is_requested
