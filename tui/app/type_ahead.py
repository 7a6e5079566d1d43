"""Keys that come together, as over a slow connection or from a script: each goes where the last one has led.

Textual gives a key to what has the focus as it comes. What the key before it opens, by an action that is
found further up, has it only later: the letters of `/ready` would be keys of the list, not the filter's.
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

#: Seconds that there are to take in what a key did, and for an opened screen to give the focus away.
_WAIT_S, _FOCUS_S = 1.0, 0.25
#: Seconds between looks at whether it has.
_LOOK_S = 0.005


class TypeAhead:
    """Holds keys back while one is being taken in, for an app that asks about each as it comes."""

    def __init__(self, app: App[Any]) -> None:
        self._app = app
        self._held: deque[Key | Paste] = deque()
        self._released: Key | Paste | None = None
        self._following: asyncio.Task[None] | None = None

    def holds(self, event: Key | Paste) -> bool:
        """Whether it is not its turn yet: then it comes again by itself."""
        if event is self._released:
            self._released = None
            return False
        if self._following is None and self._released is None:
            return False
        self._held.append(event)
        return True

    def follow(self, target: DOMNode) -> None:
        """Wait until all is done that comes of a key which `target` got; then the next one has its turn."""
        self._following = asyncio.create_task(self._follow(target, self._app.screen))

    def stop(self) -> None:
        if self._following is not None:
            self._following.cancel()

    async def _follow(self, target: DOMNode, before: DOMNode) -> None:
        # There is no screen any more where the key has closed the app.
        with suppress(TimeoutError, ScreenStackError):
            async with asyncio.timeout(_WAIT_S):
                await self._taken_in(target, before)
        self._following = None
        if self._held:
            self._released = self._held.popleft()
            self._app.post_message(self._released)

    async def _taken_in(self, target: DOMNode, before: DOMNode) -> None:
        # A key goes up until somebody knows it. What that does may bring messages that go the same way.
        for _ in range(2):
            for node in target.ancestors_with_self:
                await _through(node)
        await _through(self._app.screen)
        if self._app.screen is not before and self._held:
            await self._focused()
        # The focus is moved by the app, when it comes to that.
        await _through(self._app)

    async def _focused(self) -> None:
        """Wait until something on the screen has the focus, if anything takes it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_FOCUS_S):
                while self._app.focused is None:
                    await asyncio.sleep(_LOOK_S)


async def _through(node: DOMNode) -> None:
    """Wait until `node` has handled all that it has got."""
    done = asyncio.Event()
    if node.call_later(done.set):
        await done.wait()
