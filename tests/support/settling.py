"""A running app, driven until its screen shows what it must, or changes no more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

from rich.cells import cell_len
from rich.segment import Segment
from textual._context import active_app, visible_screen_stack
from textual.app import App
from textual.pilot import Pilot
from textual.widget import Widget

from tests.support.waiting import StalledError, wait_until_async
from tui.app.application import EmpathyApp

#: How many looks in a row must find the screen as it was and nothing pending.
_STILL_LOOKS = 2
#: Timers of up to this many seconds that fire once are waited for; longer ones close toasts, or try again.
_SHORT_S = 1.0
#: Workers that live as long as their screen, and wait for what a person does.
_WAITING = ("worker Vote",)
#: Seconds between looks at a condition that may hold at once; they double up to those between all others.
_FIRST_PAUSE_S, _LAST_PAUSE_S = 0.001, 0.02
#: The most seconds of CPU time per second in which a process counts as idle, as Textual has it.
_IDLE = 0.05


async def until(
    pilot: Pilot[None], holds: Callable[[], bool], *, first_pause_s: float = _LAST_PAUSE_S
) -> None:
    """Let the app go on until `holds`.

    Raises:
        StalledError: The app has closed, or its screen has not changed for long.
    """

    def holds_or_closed() -> bool:
        if holds():
            return True
        if _has_closed(pilot.app):
            raise StalledError("the app has closed")
        return False

    pause_s = first_pause_s

    async def pause() -> None:
        nonlocal pause_s
        # Not the pilot's own: it has each widget handle a message, fifty times a second.
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, _LAST_PAUSE_S)
        pilot.app.screen._on_timer_update()

    await wait_until_async(
        holds_or_closed,
        "what the screen must show",
        progress=lambda: shown(pilot),
        show=lambda: shown(pilot),
        pause=pause,
    )


async def until_shows(pilot: Pilot[None], text: str) -> None:
    """Let the app go on until `text` is on the screen."""
    await until(pilot, lambda: text in shown(pilot))


async def settled(pilot: Pilot[None]) -> None:
    """Let the app go on until nothing is pending any more, and the screen has stayed as it is.

    Pending are questions to the store, messages, layouts, repaints, animations, workers, keys that were typed
    ahead, and timers that fire once and soon.

    Raises:
        StalledError: The app has closed, or its screen has not changed for long.
    """
    looks, before = 0, drawn(pilot.app)
    while looks < _STILL_LOOKS:
        await _answered(pilot)
        # All widgets have handled what they had to; animations are pending below.
        await pilot.pause(0)
        await until(pilot, lambda: not pending(pilot.app), first_pause_s=_FIRST_PAUSE_S)
        now = drawn(pilot.app)
        looks = looks + 1 if now == before and not pending(pilot.app) else 0
        before = now


async def _answered(pilot: Pilot[None]) -> None:
    """Until the poller has answered all that was asked before: it answers in order."""
    await until(pilot, _asked(pilot.app), first_pause_s=_FIRST_PAUSE_S)


def _asked(app: App[Any]) -> Callable[[], bool]:
    """Whether the poller has answered all that was asked so far."""
    if not isinstance(app, EmpathyApp):
        return lambda: True
    answers: list[None] = []
    app.read("settled", lambda reader: None, answers.append)
    return lambda: bool(answers)


async def idle(min_sleep: float = _LAST_PAUSE_S, max_sleep: float = 1) -> None:
    """Until nothing goes on any more; `wait_for_idle` for a pilot, which calls it around each key and click.

    While anything does, it waits as long as Textual itself, which only looks at the CPU time.
    """
    app = active_app.get()
    answered: Callable[[], bool] | None = None
    start = since = time.monotonic()
    cpu_s, pause_s = time.process_time(), _FIRST_PAUSE_S
    while True:
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, _LAST_PAUSE_S)
        for screen in app.screen_stack[-1:]:
            screen._on_timer_update()
        if answered is None or answered():
            is_still = next(_going_on(app), None) is None
            if is_still and answered is not None:
                return
            answered = _asked(app) if is_still else None
        now = time.monotonic()
        if now - start >= max_sleep:
            return
        if now - since >= _LAST_PAUSE_S:
            if now - start > min_sleep and time.process_time() - cpu_s < _IDLE * _LAST_PAUSE_S:
                return
            since, cpu_s = now, time.process_time()


def _going_on(app: App[Any]) -> Iterator[str]:
    """What the app still does by itself."""
    for worker in app.workers:
        if not worker.is_finished:
            yield f"worker {worker.name}"
    if app.animator._animations or app.animator._scheduled:
        yield "animation"
    if isinstance(app, EmpathyApp):
        if app.snapshot is None and app.trouble is None:
            yield "first snapshot"
        if app._type_ahead._following is not None or app._type_ahead._held:
            yield "keys"
    for screen in app.screen_stack:
        if screen._callbacks or screen._dirty_widgets:
            yield f"repaint of {screen}"
    for node in (
        app,
        *(node for screen in app.screen_stack for node in screen.walk_children(with_self=True)),
    ):
        if node.message_queue_size or node._next_callbacks:
            yield f"messages of {node}"
        if any(
            timer._repeat == 0 and timer._interval <= _SHORT_S and timer._task and not timer._task.done()
            for timer in node._timers
        ):
            yield f"timer of {node}"


def pending(app: App[Any]) -> list[str]:
    """What will still change the screen."""
    found = [one for one in _going_on(app) if one not in _WAITING]
    for widget in app.screen.walk_children(Widget, with_self=True):
        if widget._layout_required or widget._repaint_required or widget._recompose_required:
            found.append(f"layout of {widget}")
    return found


def shown(pilot: Pilot[None]) -> str:
    """The screen's text, a line each."""
    return "\n".join("".join(segment.text for segment in line) for line in drawn(pilot.app))


def drawn(app: App[Any]) -> list[list[Segment]]:
    """The screen's lines, a dialog over the screens that are below it."""
    # Without it a dialog's background is drawn blank, and the blank lines stay in Textual's cache of lines.
    visible_screen_stack.set(app._background_screens)
    return [list(strip) for strip in app.screen._compositor.render_strips()]


def _has_closed(app: App[Any]) -> bool:
    return app._exception is not None or app._exit or app._closing or app._closed


def place_of(pilot: Pilot[None], text: str) -> tuple[int, int]:
    """Where the first occurrence of a text begins on the screen: column and line."""
    lines = shown(pilot).splitlines()
    line = next(number for number, found in enumerate(lines) if text in found)
    return cell_len(lines[line].partition(text)[0]), line
