"""The session of one browser tab: a process with the app, and the messages to and from it."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
from aiohttp import web
from textual_serve.app_service import AppService
from textual_serve.download_manager import DownloadManager

from tui.format.text import visible

#: Seconds that the app gets to close after its tab was closed.
GRACE_S = 5.0
#: Minimum and maximum size of a terminal, in cells: memory grows with it.
_WIDTHS, _HEIGHTS = (20, 500), (5, 300)
#: How much of a failed process's stderr is kept, in bytes.
_MAX_STDERR = 20_000
#: The line after which the app sends packets.
_START_LINE = b"__GANGLION__\n"


class InvalidMessageError(Exception):
    """A message that our own page does not send."""


class Session(AppService):
    """The app on a workspace, in one tab. It is started without a shell."""

    def __init__(self, root: Path, websocket: web.WebSocketResponse, *, write: bool) -> None:
        super().__init__(
            "",
            write_bytes=websocket.send_bytes,
            write_str=websocket.send_str,
            close=self._close_tab,
            download_manager=DownloadManager(),
        )
        self._websocket = websocket
        # -P: a file in the current folder must not be imported instead of a module of the same name.
        self._arguments = [sys.executable, "-P", "-m", "tui.web.tab", str(root)]
        if write:
            self._arguments.append("--write")

    async def handle(self, text: str) -> str | None:
        """Carry out a message from the tab. Returns the answer, if there is one.

        Raises `InvalidMessageError` for anything that is not a message.
        """
        match _parsed(text):
            case ["stdin", str(data)]:
                # A lone surrogate cannot be encoded.
                await self.send_bytes(data.encode("utf-8", "replace"))
            case ["resize", {"width": int(width), "height": int(height)}]:
                await self.set_terminal_size(*clamp_size(width, height))
            case ["ping", str(data)]:
                return json.dumps(["pong", data])
            case ["blur"]:
                await self.blur()
            case ["focus"]:
                await self.focus()
            case _:
                raise InvalidMessageError
        return None

    async def stop(self) -> None:
        """Ask the app to close; kill its process if that takes too long."""
        process, task = self._process, self._task
        if process is None or task is None:
            return
        self._task = None
        if process.returncode is None:
            with suppress(ConnectionError):
                await self.send_meta({"type": "quit"})
        try:
            await asyncio.wait_for(process.wait(), GRACE_S)
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        await asyncio.gather(task, return_exceptions=True)

    def _build_environment(self, width: int = 80, height: int = 24) -> dict[str, str]:
        # The page's terminal has all characters, whatever the server's own terminal has.
        ours = {"TEXTUAL_DRIVER": "tui.web.driver:TabDriver", "PYTHONIOENCODING": "utf-8"}
        return super()._build_environment(width, height) | ours

    async def _open_app_process(self, width: int = 80, height: int = 24) -> Process:
        self._process = process = await asyncio.create_subprocess_exec(
            *self._arguments,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env=self._build_environment(width, height),
        )
        self._stdin = process.stdin
        return process

    async def run(self) -> None:
        """Send what the app draws to the tab until its process ends; then close the connection."""
        process = self._process
        assert process is not None
        assert process.stdout is not None
        assert process.stderr is not None
        stderr = asyncio.create_task(_end_of(process.stderr))
        await self._forward(process.stdout)
        code, error = await process.wait(), visible((await stderr).decode(errors="replace"), lines=True)
        if code > 0:
            report = f"The app of a tab ended with exit code {code}.\n{error}"
            click.echo(report, err=True)
            await self._show(b"\x1b[2J\x1b[H" + report.replace("\n", "\r\n").encode())
        await self._close_tab()

    async def _forward(self, stdout: asyncio.StreamReader) -> None:
        try:
            while await stdout.readline() not in (_START_LINE, b""):
                pass
            while True:
                kind, size = await stdout.readexactly(1), await stdout.readexactly(4)
                payload = await stdout.readexactly(int.from_bytes(size, "big"))
                # Other kinds offer files and links to open: this app uses neither.
                if kind == b"D":
                    await self._show(payload)
        except (asyncio.IncompleteReadError, ValueError):
            # The end of the output, or bytes that are not packets.
            pass

    async def _show(self, drawn: bytes) -> None:
        # The output must be read until the app has closed, also when its tab is gone.
        with suppress(ConnectionError):
            await self.remote_write_bytes(drawn)

    async def _close_tab(self) -> None:
        with suppress(ConnectionError):
            await self._websocket.close()


def clamp_size(width: int, height: int) -> tuple[int, int]:
    """A terminal's size in cells, within its bounds."""
    (low_x, high_x), (low_y, high_y) = _WIDTHS, _HEIGHTS
    return max(low_x, min(width, high_x)), max(low_y, min(height, high_y))


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidMessageError from error


async def _end_of(stream: asyncio.StreamReader) -> bytes:
    kept = b""
    while read := await stream.read(4096):
        kept = (kept + read)[-_MAX_STDERR:]
    return kept
