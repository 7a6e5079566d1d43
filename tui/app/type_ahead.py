"""Delivers keys that arrive together, as from a slow connection or a script, one after the other.

Textual sends a key to the widget that has the focus when the key arrives. If the key before it opens another
widget, that one gets the focus later: the letters of `/ready` would go to the list, not to the filter.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from textual.app import ScreenStackError

if TYPE_CHECKING:
    from textual.app import App
    from textual.dom import DOMNode
    from textual.events import Key, Paste

#: Timeouts in seconds: for the effect of a key, and for an opened screen to set the focus.
_WAIT_S, _FOCUS_S = 1.0, 0.25
#: Polling interval of the focus in seconds.
_LOOK_S = 0.005


class TypeAhead:
    """Delays keys while an earlier one is processed; the app asks about each key."""

    def __init__(self, app: App[Any]) -> None:
        self._app = app
        self._held: deque[Key | Paste] = deque()
        self._released: Key | Paste | None = None
        self._following: asyncio.Task[None] | None = None

    def holds(self, event: Key | Paste) -> bool:
        """Whether the key must wait; it is then delivered again later."""
        if event is self._released:
            self._released = None
            return False
        if self._following is None and self._released is None:
            return False
        self._held.append(event)
        return True

    def follow(self, target: DOMNode) -> None:
        """Wait until all effects of a key that `target` received are done; then deliver the next one."""
        self._following = asyncio.create_task(self._follow(target, self._app.screen))

    def stop(self) -> None:
        if self._following is not None:
            self._following.cancel()

    async def _follow(self, target: DOMNode, before: DOMNode) -> None:
        # The key may have closed the app.
        with suppress(TimeoutError, ScreenStackError):
            async with asyncio.timeout(_WAIT_S):
                await self._taken_in(target, before)
        self._following = None
        if self._held:
            self._released = self._held.popleft()
            self._app.post_message(self._released)

    async def _taken_in(self, target: DOMNode, before: DOMNode) -> None:
        # A key bubbles up until it is handled. The handler may post messages that bubble too.
        for _ in range(2):
            for node in target.ancestors_with_self:
                await _through(node)
        await _through(self._app.screen)
        if self._app.screen is not before and self._held:
            await self._focused()
        # The app moves the focus in a later message.
        await _through(self._app)

    async def _focused(self) -> None:
        """Wait until a widget on the screen has the focus, if any can have it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_FOCUS_S):
                while self._app.focused is None:
                    await asyncio.sleep(_LOOK_S)


async def _through(node: DOMNode) -> None:
    """Wait until `node` has handled all its messages."""
    done = asyncio.Event()
    if node.call_later(done.set):
        await done.wait()
