"""Ends the program once its terminal is gone, as when an SSH connection breaks."""

from __future__ import annotations

import os
import select
import signal
import threading
import time

#: Seconds that the app has to close in order: what it was about to write to the store gets there.
_GRACE_S = 2.0


def end_with_terminal(descriptor: int) -> None:
    """Watch a terminal from a thread of its own, which costs nothing while it is there.

    Textual's own end is not enough: it waits until the terminal has taken what is still to be written.
    """
    threading.Thread(target=_watch, args=(descriptor,), name="hangup", daemon=True).start()


def _watch(descriptor: int) -> None:
    poll = select.poll()
    # A hang-up is reported whatever events are requested.
    poll.register(descriptor, 0)
    poll.poll()
    time.sleep(_GRACE_S)
    os._exit(128 + signal.SIGHUP)
