"""A tab of a browser, as the server sees it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import (
    ClientSession,
    ClientWebSocketResponse,
    WSMsgType,
    WSServerHandshakeError,
)

from tests.support import waiting
from tests.web.serving import Served

#: What every screen of the app begins with.
OPENED = "pipeline"
CLOSED = (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED)


@asynccontextmanager
async def tab(
    served: Served, client: ClientSession, *, origin: str | None = None, query: str = ""
) -> AsyncIterator[ClientWebSocketResponse]:
    """What a tab's page opens."""
    headers = {"Origin": served.url if origin is None else origin}
    async with client.ws_connect(f"{served.url}/ws{query}", headers=headers) as websocket:
        yield websocket


async def until(holds: Callable[[], bool]) -> None:
    await waiting.wait_until_async(holds, "the server")


async def drawn(websocket: ClientWebSocketResponse, text: str) -> str:
    """Read on until the app has drawn `text`; all that it drew, without what steers a terminal."""
    seen = ""
    while text not in seen:
        message = await waiting.result_of(websocket.receive(), f"{text!r} in what is drawn:\n{seen}")
        assert message.type is not WSMsgType.CLOSED, seen
        if message.type is WSMsgType.BINARY:
            seen += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", message.data.decode())
    return seen


async def closed(websocket: ClientWebSocketResponse) -> int | None:
    """Read on until the connection is closed; the code that says why."""
    while (await waiting.result_of(websocket.receive(), "the end of the connection")).type not in CLOSED:
        pass
    return websocket.close_code


async def refused(served: Served, client: ClientSession, **how: str) -> int:
    """The status that a connection is refused with."""
    with pytest.raises(WSServerHandshakeError) as error:
        async with tab(served, client, **how):
            pass
    return error.value.status
