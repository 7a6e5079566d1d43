"""Keys and contents of the win rates screen, for its tests."""

from __future__ import annotations

from textual.pilot import Pilot

from core.config.workspace import WorkspacePaths
from tests.support.settling import shown, until_shows
from tests.support.workspaces.filled_workspace import job_id
from tui.components.keyed_table import KeyedTable

LENGTH_BIASED = "smollm2/direct/llama/sft-dpo"
DPO = "smollm2/direct/chatgpt/sft-dpo"


def lines(pilot: Pilot[None], start: str) -> list[str]:
    """The screen's lines that begin so, but for blanks and a warning's mark."""
    return [line for line in shown(pilot).splitlines() if line.lstrip(" !").startswith(start)]


def table(pilot: Pilot[None]) -> KeyedTable:
    """The one that is shown."""
    return next(found for found in pilot.app.screen.query(KeyedTable) if found.is_on_screen)


def column(pilot: Pilot[None], key: str) -> list[str]:
    found = table(pilot)
    return [found.get_cell(row, key).plain for row in found.rows]


async def open_win_rates(pilot: Pilot[None], *keys: str) -> None:
    await pilot.press("5")
    await until_shows(pilot, "Judge gpt-4o agrees with human ratings on 74 %")
    await pilot.press(*keys)


async def select(pilot: Pilot[None], workspace: WorkspacePaths, comparison: str) -> None:
    assert table(pilot).select(job_id(workspace, "compare", comparison))
    await pilot.pause()
