"""A timer that fires once, and never not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.message_pump import MessagePump
    from textual.timer import TimerCallback


def call_after(pump: MessagePump, delay_s: float, callback: TimerCallback) -> None:
    """Call a function once after `delay_s` seconds, or as soon as a busy machine allows.

    Textual's `set_timer` skips what is overdue, as intervals do: on a machine that holds the process up for
    `delay_s` just when the timer starts, it never fires.
    """
    # The timer's task, which reads this, starts after this function has returned.
    pump.set_timer(delay_s, callback)._skip = False
