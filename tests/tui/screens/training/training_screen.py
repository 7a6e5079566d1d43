"""The training screen in the app, and what a worker logs meanwhile."""

from __future__ import annotations

from contextlib import closing

from textual.pilot import Pilot

from core.config.workspace import WorkspacePaths
from core.jobs.records import metric
from core.store import connections
from core.store.connections import transaction
from core.store.jobs import job_records
from tests.support.settling import shown, until_shows
from tests.support.workspaces.filled_workspace import NOW, job_id
from tui.screens.training.screen import TrainingScreen

WIDE, MEDIUM, NARROW = (200, 60), (120, 40), (80, 24)
SFT, DPO = "smollm2/direct/chatgpt/sft", "smollm2/direct/chatgpt/sft-dpo"


async def open_training(pilot: Pilot[None]) -> TrainingScreen:
    await pilot.press("4")
    await until_shows(pilot, "step 60")
    screen = pilot.app.screen
    assert isinstance(screen, TrainingScreen)
    return screen


def braille(pilot: Pilot[None]) -> set[str]:
    return {character for character in shown(pilot) if "\u2801" <= character <= "\u28ff"}


def log_metrics(workspace: WorkspacePaths, stage: str, name: str, step: int, **values: float) -> None:
    """What a worker would log now."""
    job = job_id(workspace, stage, name)
    with closing(connections.writer(workspace.state)) as connection, transaction(connection):
        job_records.put_metric(connection, job, NOW + step, metric(step, values))
