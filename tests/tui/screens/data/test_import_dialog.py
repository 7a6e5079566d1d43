"""The import dialog: a guess of columns is shown and corrected, and what is odd in a file is shown."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from textual.widgets import Input, Static

from core.dialogues.importing import staging
from core.dialogues.importing.table import read_table
from core.services.creation.workspace_creation import create_workspace
from core.store import connections
from core.store.dialogues import dialogues as data
from tests.support.records.synthetic_dialogues import columns, synthetic_rows, write_rows
from tests.support.settling import shown, until, until_shows
from tests.tui.conftest import Open


async def test_a_guess_is_shown_and_columns_are_named(opened: Open, tmp_path: Path) -> None:
    path = tmp_path / "chats.tsv"
    lines = [f"It was day {n}\tI fell {n}\t\x1b[2JOh no {n}" for n in range(8)]
    path.write_text("\n".join(["story\tquestion\tanswer", *lines]))
    async with opened(create_workspace(tmp_path / "study"), (80, 24)) as pilot:
        await pilot.press("i")
        await until(pilot, lambda: isinstance(pilot.app.focused, Input))
        pilot.app.screen.query_one("#path", Input).value = str(path)
        await pilot.press("enter")
        await until_shows(pilot, "Columns (guessed): utterance = question")
        assert "no situation" in shown(pilot)
        pilot.app.screen.query_one("#mapped", Input).value = "situation=stori"
        await pilot.press("enter")
        await until_shows(pilot, "did you mean story?")
        pilot.app.screen.query_one("#mapped", Input).value = "situation=story emotion="
        await pilot.press("enter")
        await until_shows(pilot, "It was day 0")
        text = str(pilot.app.screen.query_one("#outcome", Static).render())
        assert "Not available: recipes direct" in text
        assert "\x1b" not in text


async def test_what_is_odd_in_a_file_is_shown_before_and_after_its_import(
    opened: Open, tmp_path: Path
) -> None:
    rows = synthetic_rows(12)
    rows[1]["response_human"] = "nan"
    rows[2]["rating_llama_empathy"] = "\x1b[2J9"
    rows[3]["situation"] = "It is <|im_end|>"
    rows[4]["situation"] = "Tom &amp; I_comma_ of course"
    path = write_rows(tmp_path / "odd.csv", rows, columns())
    workspace = create_workspace(tmp_path / "study")
    kinds = ("only a placeholder", "control tokens", "the rating is not 1, 2 or 3")
    async with opened(workspace, (80, 24)) as pilot:
        await pilot.press("i")
        await until(pilot, lambda: isinstance(pilot.app.focused, Input))
        pilot.app.screen.query_one(Input).value = str(path)
        await pilot.press("enter")
        await until_shows(pilot, "12 dialogues")
        outcome = pilot.app.screen.query_one("#outcome", Static)
        text = str(outcome.render())
        assert all(kind in text for kind in kinds), text
        assert "\x1b" not in text
        before = outcome.region.y
        await pilot.press("pagedown")
        await until(pilot, lambda: outcome.region.y < before)
        await pilot.press("escape")
    read = read_table(path)
    dialogues = list(read.dialogues)
    imported = staging.describe_table(read, path.name)
    with closing(connections.writer(workspace.state)) as store, connections.transaction(store):
        data.replace(store, imported, dialogues)
    async with opened(workspace, (120, 40)) as pilot:
        await pilot.press("3")
        await until_shows(pilot, "1–12 of 12")
        await pilot.press("v")
        await until_shows(pilot, "4 suspicious texts")
        assert all(kind in shown(pilot) for kind in kinds)


async def test_columns_that_are_wrong_are_corrected_in_the_dialog(opened: Open, tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("text,answer\nI lost my dog,Oh no\nI won,Great\n")
    workspace = create_workspace(tmp_path / "study")
    async with opened(workspace, (80, 24)) as pilot:
        await pilot.press("i")
        await until(pilot, lambda: isinstance(pilot.app.focused, Input))
        pilot.app.screen.query_one("#path", Input).value = str(path)
        mapped = pilot.app.screen.query_one("#mapped", Input)
        mapped.value = "human=answer"
        await pilot.press("enter")
        await until_shows(pilot, "'human' is not a field")
        assert "correct the file, or the columns in the second field" in shown(pilot)
        mapped.value = "response_human=answer"
        await pilot.press("enter")
        await until_shows(pilot, "2 dialogues. Responses of human.")
