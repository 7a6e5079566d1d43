"""A filled workspace, shown at a fixed moment."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from core.config.workspace import WorkspacePaths
from core.pipeline import launch
from core.services import machine
from core.services.workspace import Workspace
from core.services.workspace_creation import create_workspace
from tests.tui.filled import NOW, fill
from tui.app.application import EmpathyApp
from tui.screens.home import screen as home

#: Seconds that a screen has to show what it must.
DEADLINE_S = 30.0

Open = Callable[..., AbstractAsyncContextManager[Pilot[None]]]


@pytest.fixture
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WorkspacePaths:
    """A workspace in a home folder, so that its path is shown the same everywhere."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return fill(tmp_path / "study")


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WorkspacePaths:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "new").mkdir()
    return WorkspacePaths(tmp_path / "new")


@pytest.fixture
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WorkspacePaths:
    """A workspace with a config.toml and no data."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return create_workspace(tmp_path / "prepared")


@pytest.fixture(autouse=True)
def _still_life(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no tmux around a test, the moment stands still, and the filled store's running job, which no
    worker does, stays as it is."""
    monkeypatch.delenv("TMUX", raising=False)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setattr(EmpathyApp, "now", lambda self: NOW)
    monkeypatch.setattr("tui.app.supervisor_watch.needs_supervisor", lambda snapshot, pending: False)
    monkeypatch.setattr(launch, "is_running", lambda workspace: (False, None))
    still = machine.Machine("box", 0.12, 8, 3_000_000_000, 16_000_000_000, ())
    monkeypatch.setattr(home, "_machine", lambda opened: still)
    monkeypatch.setattr(Input, "_toggle_cursor", lambda self: None)


#: App → the questions to the store whose answers it still waits for.
_open: WeakKeyDictionary[EmpathyApp, dict[str, object]] = WeakKeyDictionary()


@pytest.fixture(autouse=True)
def _count_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count what is asked and not answered yet, for `settled`; of one key only the newest is answered."""
    ask = EmpathyApp.read

    def read(
        app: EmpathyApp, key: str, query: Callable[[Workspace], Any], receive: Callable[[Any], None]
    ) -> None:
        waiting, this = _open.setdefault(app, {}), object()
        waiting[key] = this

        def received(value: Any) -> None:
            if waiting.get(key) is this:
                del waiting[key]
            receive(value)

        ask(app, key, query, received)

    monkeypatch.setattr(EmpathyApp, "read", read)


async def settled(pilot: Pilot[None]) -> None:
    """Until every question is answered, and what the answers bring is drawn."""
    app = pilot.app
    assert isinstance(app, EmpathyApp)
    for _ in range(3):
        # An answer may lead to the next question.
        await until(pilot, lambda: not _open.get(app))
        await pilot.pause(0.02)


@pytest.fixture
def opened() -> Open:
    """`async with opened(workspace, size) as pilot`: the app, once it has shown its first snapshot."""

    @asynccontextmanager
    async def open_app(
        workspace: WorkspacePaths, size: tuple[int, int] = (100, 30)
    ) -> AsyncIterator[Pilot[None]]:
        app = EmpathyApp(workspace)
        async with app.run_test(size=size, notifications=True) as pilot:
            await until(pilot, lambda: app.snapshot is not None)
            yield pilot

    return open_app


async def until(pilot: Pilot[None], holds: Callable[[], bool]) -> None:
    """Let the app go on until `holds`; fail when it does not in time."""
    waited = 0.0
    while not holds():
        assert waited < DEADLINE_S, "the screen did not come to show what it must"
        await pilot.pause(0.02)
        waited += 0.02


async def until_shows(pilot: Pilot[None], text: str) -> None:
    """Let the app go on until `text` is on the screen."""
    await until(pilot, lambda: text in shown(pilot))


def shown(pilot: Pilot[None]) -> str:
    """The screen's text, a line each."""
    screen = pilot.app.screen
    strips = screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)
