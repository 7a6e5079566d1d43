"""Delays Python's garbage collection until the user is idle.

A full collection visits every object and blocks all threads for a tenth of a second or more. The collector is
global to the process, and so is this module's state.
"""

from __future__ import annotations

import gc
import time

#: Collections of the middle generation until a full one is due: while no key is pressed, and in any case.
_DUE, _OVERDUE = 10, 100
#: Disables automatic collections.
_NEVER = 1_000_000_000
#: Seconds without a key.
_CALM_S = 1.0
#: The share of the time that full collections may take, however many objects there are.
_SHARE = 0.01

_touched_at = 0.0
#: When the next full collection may be, unless it is overdue.
_next_at = 0.0


def hold() -> None:
    """Collect nothing until `sweep`: the start of the app creates almost no garbage."""
    global _next_at
    _next_at = 0.0
    gc.disable()


def touch() -> None:
    """Record that the user just pressed a key or used the mouse."""
    global _touched_at
    _touched_at = time.monotonic()


def sweep() -> None:
    """Run the collections that are due; called a few times a second in an app that began with `hold`.

    The first call freezes the objects that exist by then, because most of them stay.
    """
    global _next_at
    if not gc.isenabled():
        gc.freeze()
        gc.set_threshold(*gc.get_threshold()[:2], _NEVER)
        gc.enable()
    if gc.get_threshold()[2] != _NEVER:
        return
    now = time.monotonic()
    is_calm = now - _touched_at > _CALM_S and now >= _next_at
    if gc.get_count()[2] > (_DUE if is_calm else _OVERDUE):
        began = time.thread_time()
        gc.collect()
        _next_at = now + (time.thread_time() - began) / _SHARE
