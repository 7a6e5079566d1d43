"""The table of win rates grouped by what differs in seeds alone: groups open to their comparisons."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.settling import until, until_shows
from tests.support.workspaces import finished_workspace
from tests.tui.conftest import Open
from tests.tui.screens.win_rates.win_rates_screen import column, table


async def test_a_group_of_seeds_opens_to_its_comparisons(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    study = finished_workspace.make(tmp_path / "study", more="[grid]\nseeds = [42, 43, 44]\n")
    async with opened(study, (120, 40)) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: len(table(pilot).rows) == 26)
        await pilot.press("b", "b", "b", "b")
        # Two judges, two recipes, two stages; and human against chatgpt, which has no seeds.
        await until(pilot, lambda: len(table(pilot).rows) == 10)
        await until(pilot, lambda: any("±" in cell for cell in column(pilot, "rate")))
        assert column(pilot, "b")[0].startswith("▸ ")
        await until_shows(pilot, "for other seeds on these dialogues")
        await pilot.press("enter")
        await until(pilot, lambda: len(table(pilot).rows) == 13)
        assert [name.rpartition(" · ")[2] for name in column(pilot, "b")[:4]] == [
            *("sft", "sft", "seed=43", "seed=44"),
        ]
        await pilot.press("enter")
        await until(pilot, lambda: len(table(pilot).rows) == 10)
        await pilot.press("down", "b")
        await until_shows(pilot, "26 comparisons")
        assert len(table(pilot).rows) == 26
