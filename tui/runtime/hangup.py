"""Ends the program once its terminal, or the reader of its output, is gone: an SSH connection broke."""

from __future__ import annotations

import os
import select
import signal
import threading
import time

#: Seconds that the app has to close cleanly and to finish its writes to the store.
_GRACE_S = 2.0


def end_with_reader(descriptor: int) -> None:
    """Watch a terminal or a pipe from a thread of its own, which blocks until the other end closes.

    Textual's own shutdown is not enough: it waits until the terminal has accepted all pending output.
    """
    threading.Thread(target=_watch, args=(descriptor,), name="hangup", daemon=True).start()


def _watch(descriptor: int) -> None:
    poll = select.poll()
    # Poll reports a hang-up whichever events are requested.
    poll.register(descriptor, 0)
    poll.poll()
    time.sleep(_GRACE_S)
    os._exit(128 + signal.SIGHUP)
