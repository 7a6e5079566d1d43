"""Reports and exports from the app: processes beside it, with their folder shown."""

from __future__ import annotations

import sys

import pytest

from core.config.workspace import WorkspacePaths
from tests.support.settling import until_shows
from tests.tui.conftest import Open
from tui.runtime import opener


async def test_a_report_is_written_into_the_workspace(
    opened: Open, filled: WorkspacePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    async with opened(filled, (120, 40)) as pilot:
        await pilot.app.run_action("report")
        await until_shows(pilot, "y copies the path")
        assert (filled.report(None) / "report.html").is_file()
        await pilot.press("enter")
        await until_shows(pilot, "there is no display")


async def test_a_refusal_of_the_command_is_shown_in_its_words(opened: Open, prepared: WorkspacePaths) -> None:
    async with opened(prepared) as pilot:
        await pilot.app.run_action("report")
        await pilot.press("escape")
        await until_shows(pilot, "there is no comparison to report")
    assert not (prepared.root / "reports").exists()


def test_nothing_opens_where_nobody_sees_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    assert opener.program() is None
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setenv("SSH_CONNECTION", "somewhere")
    assert opener.program() is None
