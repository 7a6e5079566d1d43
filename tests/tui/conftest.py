"""A filled workspace, shown at a fixed moment."""

from __future__ import annotations

import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.pilot import Pilot
from textual.widgets import Input

from core.config.workspace import WorkspacePaths
from core.pipeline import launch
from core.services import machine
from core.services.creation.workspace_creation import create_workspace
from tests.support import settling, waiting
from tests.support.settling import until
from tests.support.workspaces.filled_workspace import NOW, fill
from tui.app.application import EmpathyApp
from tui.screens.home import screen as home

Open = Callable[..., AbstractAsyncContextManager[Pilot[None]]]


@pytest.fixture(scope="session")
def filled_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A filled workspace to be copied: to fill one takes longer than many a test."""
    return fill(tmp_path_factory.mktemp("filled") / "study").root


@pytest.fixture
def filled(filled_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WorkspacePaths:
    """A workspace in a home folder, so that its path is shown the same everywhere."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return WorkspacePaths(shutil.copytree(filled_once, tmp_path / "study"))


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


@pytest.fixture(scope="session", autouse=True)
def _style_sheets_parsed_once() -> Iterator[None]:
    """Each app would parse the same style sheets again, which takes a tenth of a test's time."""
    parsed: dict[tuple[object, ...], list[RuleSet]] = {}
    parse = Stylesheet._parse_rules

    def parse_once(sheet: Stylesheet, *arguments: Any, **named: Any) -> list[RuleSet]:
        key = (frozenset(sheet._variables.items()), arguments, frozenset(named.items()))
        if key not in parsed:
            parsed[key] = parse(sheet, *arguments, **named)
        return parsed[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stylesheet, "_parse_rules", parse_once)
        yield


@pytest.fixture(autouse=True)
def _still_life(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no tmux around a test, the moment stands still, and the filled store's running job, which no
    worker does, stays as it is."""
    monkeypatch.delenv("TMUX", raising=False)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setattr(EmpathyApp, "now", lambda self: NOW)
    monkeypatch.setattr("core.api.needs_supervisor", lambda snapshot, pending: False)
    monkeypatch.setattr(launch, "is_running", lambda workspace: (False, None))
    still = machine.Machine("box", 0.12, 8, 3_000_000_000, 16_000_000_000, ())
    monkeypatch.setattr(home, "_machine", lambda opened: still)
    monkeypatch.setattr(Input, "_toggle_cursor", lambda self: None)


@pytest.fixture(autouse=True)
def _patient_pilot(monkeypatch: pytest.MonkeyPatch) -> None:
    """A press waits until all widgets have handled what came before, for 30 s at most; a busy machine may
    take longer."""
    monkeypatch.setattr(Pilot._wait_for_screen, "__defaults__", (waiting.LIMIT_S,))


@pytest.fixture(scope="session", autouse=True)
def _quick_pilot() -> Iterator[None]:
    """A pilot waits 40 ms around each key for a process to be idle, although all may be done at once."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ("app", "pilot"):
            patch.setattr(f"textual.{module}.wait_for_idle", settling.idle)
        yield


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
