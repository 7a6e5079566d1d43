"""Python's garbage collector, kept from running while somebody waits for the screen.

A full collection goes through all that lives: a tenth of a second and more, in which no thread goes on. There
is one of those in a process, and so there is this module's state.
"""

from __future__ import annotations

import gc
import time

#: Collections of the middle generation after which a full one is due, when nobody presses a key, and always.
_DUE, _OVERDUE = 10, 100
#: No collection comes by itself.
_NEVER = 1_000_000_000
#: Seconds without a key.
_CALM_S = 1.0

_touched_at = 0.0


def hold() -> None:
    """Collect nothing until `sweep`: next to nothing that is made as an app starts is garbage."""
    gc.disable()


def touch() -> None:
    """Somebody pressed a key or used the mouse just now."""
    global _touched_at
    _touched_at = time.monotonic()


def sweep() -> None:
    """Collect what is due, in an app that began with `hold`; to be called a few times a second.

    The first time leaves out what has been loaded by then, most of which stays.
    """
    if not gc.isenabled():
        gc.freeze()
        gc.set_threshold(*gc.get_threshold()[:2], _NEVER)
        gc.enable()
    if gc.get_threshold()[2] != _NEVER:
        return
    is_calm = time.monotonic() - _touched_at > _CALM_S
    if gc.get_count()[2] > (_DUE if is_calm else _OVERDUE):
        gc.collect()
