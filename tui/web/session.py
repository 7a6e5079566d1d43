"""What stands behind one browser tab: a process with the app, and messages to and from it."""

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

#: Seconds that the app has to close in order once its tab is gone.
GRACE_S = 5.0
#: Cells of a terminal, at least and at most: memory goes with their number.
_WIDTHS, _HEIGHTS = (20, 500), (5, 300)
#: Bytes of a failed process's last words that are kept.
_LAST_WORDS = 20_000
#: How the app says that its packets begin.
_BEGINNING = b"__GANGLION__\n"


class NotUnderstoodError(Exception):
    """A message from a browser that no page of ours sends."""


class Session(AppService):
    """The app on a workspace, drawn in one tab. No shell takes part in starting it."""

    def __init__(self, root: Path, websocket: web.WebSocketResponse, *, write: bool) -> None:
        super().__init__(
            "",
            write_bytes=websocket.send_bytes,
            write_str=websocket.send_str,
            close=self._close_tab,
            download_manager=DownloadManager(),
        )
        self._websocket = websocket
        # -P: a file in the current folder must not stand in for a module of the same name.
        self._arguments = [sys.executable, "-P", "-m", "tui.web.tab", str(root)]
        if write:
            self._arguments.append("--write")

    async def obey(self, text: str) -> str | None:
        """Do what a message asks for; the answer to it, if there is one.

        Raises `NotUnderstoodError` for anything that is not a message.
        """
        match _parsed(text):
            case ["stdin", str(data)]:
                # A lone surrogate has no bytes.
                await self.send_bytes(data.encode("utf-8", "replace"))
            case ["resize", {"width": int(width), "height": int(height)}]:
                await self.set_terminal_size(*fitting(width, height))
            case ["ping", str(data)]:
                return json.dumps(["pong", data])
            case ["blur"]:
                await self.blur()
            case ["focus"]:
                await self.focus()
            case _:
                raise NotUnderstoodError
        return None

    async def stop(self) -> None:
        """Let the app close; end its process if it does not in time."""
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
        # The page's terminal has all characters, whatever the server's own has.
        ours = {"TEXTUAL_DRIVER": "tui.web.driver:ServedDriver", "PYTHONIOENCODING": "utf-8"}
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
        """Pass on what the app draws until its process ends; then close the tab's connection."""
        process = self._process
        assert process is not None
        assert process.stdout is not None
        assert process.stderr is not None
        words = asyncio.create_task(_end_of(process.stderr))
        await self._pass_on(process.stdout)
        code, told = await process.wait(), visible((await words).decode(errors="replace"), lines=True)
        if code > 0:
            report = f"The app of a tab ended with exit code {code}.\n{told}"
            click.echo(report, err=True)
            await self._show(b"\x1b[2J\x1b[H" + report.replace("\n", "\r\n").encode())
        await self._close_tab()

    async def _pass_on(self, stdout: asyncio.StreamReader) -> None:
        try:
            while await stdout.readline() not in (_BEGINNING, b""):
                pass
            while True:
                kind, size = await stdout.readexactly(1), await stdout.readexactly(4)
                payload = await stdout.readexactly(int.from_bytes(size, "big"))
                # Other kinds offer files, and pages to open: this app does neither.
                if kind == b"D":
                    await self._show(payload)
        except (asyncio.IncompleteReadError, ValueError):
            # Its end; or a line that is no line of text.
            pass

    async def _show(self, drawn: bytes) -> None:
        # A tab that is gone sees nothing, and what the app draws as it closes must be read all the same.
        with suppress(ConnectionError):
            await self.remote_write_bytes(drawn)

    async def _close_tab(self) -> None:
        with suppress(ConnectionError):
            await self._websocket.close()


def fitting(width: int, height: int) -> tuple[int, int]:
    """A terminal's size in cells, in bounds."""
    (low_x, high_x), (low_y, high_y) = _WIDTHS, _HEIGHTS
    return max(low_x, min(width, high_x)), max(low_y, min(height, high_y))


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotUnderstoodError from error


async def _end_of(stream: asyncio.StreamReader) -> bytes:
    kept = b""
    while read := await stream.read(4096):
        kept = (kept + read)[-_LAST_WORDS:]
    return kept
