"""Faults end the app, unless it ends already."""

from __future__ import annotations

import sqlite3

import pytest
from textual.css.query import NoMatches

from core.config.workspace import WorkspacePaths
from tests.support.settling import shown, until, until_shows
from tests.tui.conftest import Open
from tui.app.application import EmpathyApp


async def test_a_widget_without_children_is_no_fault_of_an_app_that_ends(
    opened: Open, prepared: WorkspacePaths
) -> None:
    async with opened(prepared) as pilot:
        pilot.app.exit()
        pilot.app._handle_exception(NoMatches("the table of a widget that is being mounted"))


async def test_it_is_one_of_an_app_that_goes_on(opened: Open, prepared: WorkspacePaths) -> None:
    with pytest.raises(NoMatches):
        async with opened(prepared) as pilot:
            pilot.app._handle_exception(NoMatches("the table of a widget"))


async def test_a_failed_query_names_what_it_was_to_read(opened: Open, prepared: WorkspacePaths) -> None:
    def read(workspace: object) -> None:
        raise ValueError("no such row")

    async with opened(prepared) as pilot:
        app = pilot.app
        assert isinstance(app, EmpathyApp)
        app.read("win rates", read, print)
        await until_shows(pilot, "Cannot read: win rates")
        await until_shows(pilot, "ValueError: no such row")
        app.clear_notifications()
        await until(pilot, lambda: "ValueError" not in shown(pilot))
        app.show_lack("there are no batches", reading="batches")
        await until_shows(pilot, "is being read")
        assert "ValueError" not in shown(pilot)
        app.show_lack("there are no win rates", reading="win rates")
        await until_shows(pilot, "ValueError: no such row")


async def test_an_action_that_finds_the_store_damaged_names_the_remedy(
    opened: Open, prepared: WorkspacePaths
) -> None:
    def act() -> None:
        raise sqlite3.DatabaseError("database disk image is malformed")

    async with opened(prepared) as pilot:
        pilot.app.run_worker(act, name="Start all", thread=True, exit_on_error=False)
        await until_shows(pilot, "empathy-tui rebuild")
