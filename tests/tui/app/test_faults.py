"""Faults end the app, unless it ends already."""

from __future__ import annotations

import pytest
from textual.css.query import NoMatches

from core.config.workspace import WorkspacePaths
from tests.tui.conftest import Open


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
