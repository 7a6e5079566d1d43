"""A running app, driven until its screen shows what it must, or changes no more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from rich.cells import cell_len
from rich.segment import Segment
from textual._context import visible_screen_stack
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
_WAITING = ("Vote",)


async def until(pilot: Pilot[None], holds: Callable[[], bool]) -> None:
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

    async def pause() -> None:
        # Not the pilot's own: it has each widget handle a message, fifty times a second.
        await asyncio.sleep(0.02)
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
        await until(pilot, lambda: not pending(pilot.app))
        now = drawn(pilot.app)
        looks = looks + 1 if now == before and not pending(pilot.app) else 0
        before = now


async def _answered(pilot: Pilot[None]) -> None:
    """Until the poller has answered all that was asked before: it answers in order."""
    app = pilot.app
    if not isinstance(app, EmpathyApp):
        return
    answers: list[None] = []
    app.read("settled", lambda reader: None, answers.append)
    await until(pilot, lambda: bool(answers))


def pending(app: App[Any]) -> list[str]:
    """What will still change the screen."""
    workers = [worker for worker in app.workers if not worker.is_finished and worker.name not in _WAITING]
    found = [f"worker {worker.name}" for worker in workers]
    if app.animator._animations or app.animator._scheduled:
        found.append("animation")
    if isinstance(app, EmpathyApp):
        if app.snapshot is None and app.trouble is None:
            found.append("first snapshot")
        if app._type_ahead._following is not None or app._type_ahead._held:
            found.append("keys")
    for screen in app.screen_stack:
        if screen._callbacks or screen._dirty_widgets:
            found.append(f"repaint of {screen}")
    for node in (
        app,
        *(node for screen in app.screen_stack for node in screen.walk_children(with_self=True)),
    ):
        if node.message_queue_size or node._next_callbacks:
            found.append(f"messages of {node}")
        if any(
            timer._repeat == 0 and timer._interval <= _SHORT_S and timer._task and not timer._task.done()
            for timer in node._timers
        ):
            found.append(f"timer of {node}")
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
