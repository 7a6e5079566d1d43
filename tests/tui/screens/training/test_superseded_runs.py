"""Superseded runs on the training screen: in the charts, in the table, and what is done with them."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest
from textual.command import CommandList
from textual.widgets import Input

from core.config.workspace import WorkspacePaths
from core.pipeline import launch
from core.pipeline.supervision.intent_handlers import carry_out
from core.store import connections, intents
from core.store.connections import transaction
from tests.support.settling import settled, shown, until, until_shows
from tests.support.workspaces import finished_workspace
from tests.tui.conftest import Open
from tests.tui.screens.training.training_screen import NARROW, WIDE, braille
from tui.screens.training.runs.run_table import RunTable
from tui.screens.training.screen import TrainingScreen

OLD = "small/direct/chatgpt/sft@epochs=3"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> WorkspacePaths:
    return finished_workspace.make(tmp_path_factory.mktemp("finished") / "study")


@pytest.fixture
def superseded(finished: WorkspacePaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WorkspacePaths:
    """A workspace whose runs are superseded, and in which intents are carried out without a supervisor."""
    workspace = WorkspacePaths(shutil.copytree(finished.root, tmp_path / "study"))
    workspace.config.write_text(finished_workspace.CONFIG + "[sft]\nnum_train_epochs = 1\n")
    monkeypatch.setattr(launch, "ensure", _carry_out)
    return workspace


def _carry_out(workspace: WorkspacePaths) -> None:
    with closing(connections.writer(workspace.state)) as store, transaction(store):
        for intent in intents.pending(store):
            intents.finish(store, intent.id, carry_out(store, workspace, intent.request()))


async def test_curves_of_superseded_runs_overlay_others(opened: Open, superseded: WorkspacePaths) -> None:
    async with opened(superseded, WIDE) as pilot:
        await pilot.press("4")
        await until_shows(pilot, OLD)
        await pilot.press(*["down"] * 4, "space", "down", "space")
        await until_shows(pilot, "1 1.000  2 1.000")
        assert braille(pilot)
        await pilot.press("right_square_bracket")
        # The settings in which the marked runs differ.
        await until_shows(pilot, "num_train_epochs")


async def test_the_table_sorts_filters_and_keeps_notes(opened: Open, superseded: WorkspacePaths) -> None:
    async with opened(superseded, WIDE) as pilot:
        await pilot.press("4")
        await until_shows(pilot, OLD)
        await pilot.press(*["down"] * 4, "v")
        await until_shows(pilot, "8 runs  ·  4 superseded")
        await until_shows(pilot, "67.1 %")
        screen = pilot.app.screen
        assert isinstance(screen, TrainingScreen)
        table = screen.query_one(RunTable)
        await until(pilot, lambda: table.selected is not None and table.selected.name == OLD)
        assert "sft.epochs" in shown(pilot)

        # The best win rate first; those without one come last.
        columns = [column.key for column in table.listing.columns]
        await pilot.press(*["greater_than_sign"] * columns.index("rate"), "I")
        await until_shows(pilot, "by win rate, reversed")
        assert list(map(str, table.listing.table.get_row_at(0)))[1].endswith("sft-dpo@sft.epochs=3")
        await pilot.press("slash", *"superseded chat", "enter")
        await until_shows(pilot, "/superseded chat: 2 of 8")
        await pilot.press("escape")

        assert table.listing.select(next(run.job for run in table._found if run.name == OLD))
        await pilot.press("N", *"repeats", "enter")
        await until_shows(pilot, "Note on")
        await until(pilot, lambda: table.selected is not None and table.selected.notes.note == "repeats")
        await pilot.press("T", *"one #two", "enter")
        await until_shows(pilot, "'#two' is not a tag")
        typed = pilot.app.screen.query_one(Input)
        assert typed.value == "one #two", "what was typed is there to be mended"
        typed.value = "one two"
        await pilot.press("enter")
        await until_shows(pilot, "#one  #two")
        await pilot.press("a")
        await until_shows(pilot, "3 superseded  ·  1 archived and hidden")
        await pilot.press("A")
        await until_shows(pilot, "⊙ archived")
        # The list of the charts has the same word.
        await pilot.press("v")
        await until(pilot, lambda: screen.query_one("#body").display)
        await until_shows(pilot, "⊙ archived")


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_enter_in_the_table_draws_the_run_under_its_cursor(
    opened: Open, superseded: WorkspacePaths, size: tuple[int, int]
) -> None:
    async with opened(superseded, size) as pilot:
        # The list behind the table has never been seen.
        await until_shows(pilot, "runs of earlier settings")
        await pilot.press("v")
        await until_shows(pilot, "8 runs  ·  4 superseded")
        screen = pilot.app.screen
        assert isinstance(screen, TrainingScreen)
        table = screen.query_one(RunTable)
        run = next(run.job for run in table._found if run.name == OLD)
        await until(pilot, lambda: table.listing.select(run))
        await pilot.press("enter")
        await until(pilot, lambda: screen._list.selected_key == run)
        await settled(pilot)
        assert screen._run == run
        (line,) = (line for line in shown(pilot).splitlines() if OLD in line and "✓ superseded" in line)
        # Its mark, and its last loss.
        assert "1○" in line
        assert "0.06897" in line
        await pilot.press("v")
        await until(pilot, lambda: table.listing.selected_key == run)


async def test_a_run_is_deleted_after_a_question(opened: Open, superseded: WorkspacePaths) -> None:
    async with opened(superseded, NARROW) as pilot:
        await pilot.press("4")
        await until_shows(pilot, "superseded")
        await pilot.press("D")
        await until_shows(pilot, "was never")
        await pilot.press(*["down"] * 4, "D")
        await until_shows(pilot, "Delete 2 runs?")
        assert OLD in shown(pilot)
        assert "It frees 0 B" in shown(pilot)
        await pilot.press("y")
        await until_shows(pilot, "2 runs deleted")
        await until(pilot, lambda: OLD not in shown(pilot))


async def test_win_rates_and_pairs_of_superseded_runs(opened: Open, superseded: WorkspacePaths) -> None:
    async with opened(superseded, WIDE) as pilot:
        await pilot.press("5")
        await until_shows(pilot, "10 comparisons")
        await pilot.press("s")
        await until_shows(pilot, "18 comparisons")
        # Names are cut in the middle.
        assert "sft@epochs=3" in shown(pilot)
        await pilot.press("slash", *"chatgpt/sft@", "enter")
        await until_shows(pilot, "2 of 18")
        await pilot.press("enter")
        await until_shows(pilot, f"B {OLD}")


async def test_the_palette_opens_the_curves_of_a_superseded_run(
    opened: Open, superseded: WorkspacePaths
) -> None:
    async with opened(superseded, WIDE) as pilot:
        await until_shows(pilot, "Who wins")
        # The table gives way to the charts.
        await pilot.press("4", "v")
        await until_shows(pilot, "4 superseded")
        await pilot.press("1", "colon", *"chatgpt/sft@epochs")
        await until_shows(pilot, "run, superseded")
        await until(pilot, lambda: pilot.app.screen.query_one(CommandList).highlighted is not None)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, TrainingScreen))
        screen = pilot.app.screen
        assert isinstance(screen, TrainingScreen)

        def name() -> str | None:
            job = screen.selected_job()
            return None if job is None else job.name

        await until(pilot, lambda: name() == OLD)
