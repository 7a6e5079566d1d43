"""What signal handlers set."""

from __future__ import annotations

import sys
import threading

from core.jobs.stop_request import StopRequest
from tests.support import waiting

#: A signal at each line of what a thread does that waits.
SIGNALS = """
import signal
import sys
from core.jobs.stop_request import StopRequest

stop = StopRequest()
signal.signal(signal.SIGTERM, lambda *_: stop.set())

def signalled(frame, event, argument):
    signal.raise_signal(signal.SIGTERM)
    return signalled

sys.settrace(signalled)
assert stop.wait(60)
"""


def test_a_signal_may_come_at_any_moment() -> None:
    assert waiting.run([sys.executable, "-c", SIGNALS]).code == 0


def test_a_wait_ends_with_a_request_or_in_time() -> None:
    stop = StopRequest()
    assert not stop.wait(0)
    assert not stop.is_set()
    thread = threading.Thread(target=stop.set)
    thread.start()
    assert stop.wait()
    thread.join()
    assert stop.is_set()
