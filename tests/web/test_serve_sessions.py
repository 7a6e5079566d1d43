"""The sessions of the command `serve`: a tab's process from its first message to its end."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import sys
from pathlib import Path

import aiohttp
import pytest
from aiohttp import (
    ClientSession,
    web,
)

from core.config.workspace import WorkspacePaths
from tests.web.conftest import Serve
from tests.web.tabs import OPENED, closed, drawn, refused, tab, until
from tui.web.session import InvalidMessageError, Session

TOKEN = "a-token-that-nobody-guesses"
FEW = (sys.executable, str(Path(__file__).with_name("few_sessions.py")))


async def test_a_tab_shows_the_app_and_its_process_ends_with_it(serve: Serve) -> None:
    served = serve()
    async with ClientSession() as client:
        async with tab(served, client, query="?width=100&height=30") as websocket:
            assert "read-only" in await drawn(websocket, "supervisor")
            await websocket.send_json(["ping", "17"])
            await websocket.send_json(["resize", {"width": 90, "height": 25}])
            await websocket.send_json(["blur"])
            await websocket.send_json(["focus"])
            await websocket.send_json(["stdin", "8"])
            await drawn(websocket, "supervisor")
            (process,) = served.sessions()
            assert "--write" not in process.cmdline()
        await until(lambda: not process.is_running())
        async with tab(served, client) as websocket:
            await drawn(websocket, OPENED)
            await websocket.send_json(["stdin", "q"])
            await closed(websocket)
        await until(lambda: not served.sessions())
    assert served.end() == 128 + signal.SIGTERM
    assert served.printed[1:] == ["", ""] or "Ctrl+C" in "".join(served.printed)


async def test_writing_has_to_be_asked_for(serve: Serve) -> None:
    served = serve("--write")
    assert "can start, cancel and change things" in served.printed[0]
    async with ClientSession() as client, tab(served, client) as websocket:
        assert "read-only" not in await drawn(websocket, "supervisor")


async def test_no_more_sessions_than_the_limit(serve: Serve) -> None:
    served = serve(command=FEW)
    async with ClientSession() as client:
        async with tab(served, client) as one, tab(served, client) as other:
            await drawn(one, OPENED)
            await drawn(other, OPENED)
            assert await refused(served, client) == 503
            assert len(served.sessions()) == 2
        await until(lambda: not served.sessions())
        async with tab(served, client) as websocket:
            await drawn(websocket, OPENED)


@pytest.mark.parametrize(
    "message",
    [
        *("", "{", "[]", "{}", "17", "null", '"stdin"', '["stdin"]', '["stdin", 17]', '["stdin", null]'),
        *(
            '["resize", {}]',
            '["resize", {"width": "80", "height": 24}]',
            '["resize", {"width": 1e400, "height": 1}]',
        ),
        *('["quit"]', '["deliver_chunk_request", {"key": "x"}]', '["blur", 1]', "[" * 100_000, "9" * 10_000),
    ],
    ids=lambda message: message[:60],
)
async def test_what_is_no_message(message: str) -> None:
    session = Session(Path("/"), web.WebSocketResponse(), write=False)
    with pytest.raises(InvalidMessageError):
        await session.handle(message)


async def test_what_is_no_message_ends_the_session_alone(serve: Serve) -> None:
    served = serve()
    async with ClientSession() as client, tab(served, client) as good:
        await drawn(good, OPENED)
        async with tab(served, client, query="?width=nonsense&height=-1") as bad:
            await bad.send_str('{"not": "a message"}')
            assert await closed(bad) == aiohttp.WSCloseCode.POLICY_VIOLATION
        async with tab(served, client, query="?width=99999999999&height=999999999999") as bad:
            await bad.send_bytes(b"\xff\x00")
            assert await closed(bad) == aiohttp.WSCloseCode.POLICY_VIOLATION
        async with tab(served, client) as bad:
            await bad.send_str(json.dumps(["stdin", "x" * 2_000_000]))
            assert await closed(bad) == aiohttp.WSCloseCode.MESSAGE_TOO_BIG
        await until(lambda: len(served.sessions()) == 1)
        await good.send_json(["stdin", "8"])
        await drawn(good, "supervisor")


async def test_a_tab_learns_that_its_process_has_gone(serve: Serve) -> None:
    served = serve()
    async with ClientSession() as client, tab(served, client) as websocket:
        await drawn(websocket, OPENED)
        (process,) = served.sessions()
        process.kill()
        await closed(websocket)
    await until(lambda: not served.sessions())


async def test_a_tab_shows_why_the_app_does_not_open(serve: Serve, tmp_path: Path) -> None:
    root = tmp_path / "gone"
    root.mkdir()
    served = serve(root=root)
    root.rmdir()
    async with ClientSession() as client, tab(served, client) as websocket:
        assert "exit code 1" in await drawn(websocket, "is not a folder")
        await closed(websocket)
    served.end()
    assert "is not a folder" in served.printed[-1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
async def test_every_session_ends_with_the_server(serve: Serve, number: signal.Signals) -> None:
    served = serve()
    async with ClientSession() as client, tab(served, client) as websocket:
        await drawn(websocket, OPENED)
        processes = served.sessions()
        assert len(processes) == 1
        code = await asyncio.to_thread(served.end, number)
        assert code == (-number if number is signal.SIGKILL else 128 + number)
        await until(lambda: not any(process.is_running() for process in processes))


@pytest.mark.parametrize(
    "name",
    ["with spaces", 'it\'s "quoted"', "$(touch owned)`touch owned`;touch owned", "-x", "new\nline\x1b[2J<b>"],
)
async def test_a_workspace_of_any_name(serve: Serve, tmp_path: Path, empty_store: Path, name: str) -> None:
    root = tmp_path / name
    root.mkdir()
    shutil.copy(empty_store, root / "state.db")
    served = serve(root=root)
    assert "\x1b" not in served.printed[0]
    async with ClientSession(served.url) as client:
        async with client.get("/") as answer:
            assert "<b>" not in await answer.text()
        async with tab(served, client) as websocket:
            await drawn(websocket, OPENED)
            (process,) = served.sessions()
            assert str(root) in process.cmdline()
    assert not list(Path.cwd().glob("owned"))
    assert not list(tmp_path.rglob("owned"))
    assert WorkspacePaths(root).root.is_dir()
