"""The pipeline screen: what its keys say if they have nothing to show."""

from __future__ import annotations

from core.config.workspace import WorkspacePaths
from tests.support.settling import until_shows
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
