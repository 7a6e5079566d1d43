"""The pipeline screen: rows that agree with the counts, and what keys say if they have nothing to show."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from core.config.workspace import WorkspacePaths
from tests.support.settling import settled, shown, until_shows
from tests.support.workspaces.filled_workspace import job_id
from tests.tui.conftest import Open
from tui.screens.pipeline.screen import PipelineScreen


async def test_raw_values_of_a_job_without_a_result(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled) as pilot:
        await pilot.press("2")
        await until_shows(pilot, "attempt")
        screen = pilot.app.screen
        assert isinstance(screen, PipelineScreen)
        screen.seek(job_id(filled, "sft-dpo", "smollm2/direct/chatgpt/sft-dpo"))
        await until_shows(pilot, "sft-dpo  smollm2/direct/chatgpt/sft-dpo")
        await pilot.press("v")
        await until_shows(pilot, "the job has no result yet")


async def test_rows_name_the_states_that_are_counted(opened: Open, filled: WorkspacePaths) -> None:
    run = job_id(filled, "sft-dpo", "smollm2/direct/chatgpt/sft-dpo")
    with closing(sqlite3.connect(filled.state)) as connection, connection:
        connection.execute("UPDATE jobs SET state = 'failed', error = 'out of memory' WHERE id = ?", (run,))
    async with opened(filled, (120, 40)) as pilot:
        await pilot.press("2")
        await until_shows(pilot, "2 blocked")
        await until_shows(pilot, "○ blocked")
        await pilot.press("slash", *"blocked", "enter")
        await until_shows(pilot, "/blocked: 2 of 17")
        await settled(pilot)
        assert "blocked: sft-dpo smollm2/direct/chatgpt/sft-dpo failed" in shown(pilot)
