"""What the screens show of a filled workspace, and what their keys do."""

from __future__ import annotations

import pytest

from core.config.workspace import WorkspacePaths
from tests.support.settling import settled, shown, until, until_shows
from tests.tui.conftest import Open
from tui.app.application import EmpathyApp
from tui.screens.pairs.screen import PairsScreen

SIZES = [(80, 24), (120, 40), (60, 20)]


@pytest.mark.parametrize("size", SIZES)
async def test_the_pipeline_shows_every_state(
    opened: Open, filled: WorkspacePaths, size: tuple[int, int]
) -> None:
    async with opened(filled, size) as pilot:
        await pilot.press("2")
        await until_shows(pilot, "✗ failed")
        text = shown(pilot)
        assert "✓ done" in text
        assert "chatgpt" in text
        assert "48 dialogues" in text


async def test_an_action_that_does_not_apply_says_why(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled) as pilot:
        await pilot.press("2")
        await until_shows(pilot, "✓ done")
        await pilot.press("r")
        await until_shows(pilot, "only what failed")
        await pilot.press("c")
        await until_shows(pilot, "is done: there is")


async def test_cancelling_a_running_job_asks_first(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled) as pilot:
        await pilot.press("2")
        await until_shows(pilot, "▶ running")
        app = pilot.app
        assert isinstance(app, EmpathyApp)
        running = next(job for job in app.snapshot.jobs if job.state == "running")  # type: ignore[union-attr]
        table = app.screen.query_one("#jobs")
        assert table.select(running.id)  # type: ignore[attr-defined]
        await pilot.press("c")
        await until_shows(pilot, "last checkpoint")
        await pilot.press("escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)


async def test_win_rates_show_interval_and_the_judges_worth(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, (120, 40)) as pilot:
        await pilot.press("5")
        await until_shows(pilot, "70.8 %")
        text = shown(pilot)
        assert "42.0–89.0" in text
        assert "8/1/3/0" in text
        assert "agrees with held-out human ratings on 57 % of pairs" in text
        await until_shows(pilot, "12 test dialogues: B wins 8, A wins 3, 1 tie, none invalid")


async def test_from_a_number_to_the_pairs_behind_it(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, (120, 40)) as pilot:
        await pilot.press("5")
        await until_shows(pilot, "70.8 %")
        await pilot.press("enter")
        await until_shows(pilot, "1/12")
        text = shown(pilot)
        assert "A smollm2" in text
        assert "B smollm2/direct/chatgpt/sft" in text
        await pilot.press("n")
        await until_shows(pilot, "2/12")
        await pilot.press("p", "p")
        await until_shows(pilot, "1/12")
        await pilot.press("end")
        await until_shows(pilot, "12/12")
        await pilot.press("J", "3", "enter")
        await until_shows(pilot, "3/12")


async def test_pairs_are_side_by_side_on_a_wide_terminal(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, (120, 40)) as pilot:
        await pilot.press("6")
        await until_shows(pilot, "1/12")
        screen = pilot.app.screen
        assert isinstance(screen, PairsScreen)
        a, b = screen.query_one("#side-a"), screen.query_one("#side-b")
        assert a.region.y == b.region.y
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: a.region.bottom <= b.region.y)


async def test_another_responder_on_the_same_dialogue(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, (120, 40)) as pilot:
        await pilot.press("6")
        await until_shows(pilot, "1/12")
        await pilot.press("n", "n")
        await until_shows(pilot, "3/12")
        await pilot.press("b", *"human", "enter")
        await until_shows(pilot, "B human")
        await until_shows(pilot, "3/12")


async def test_help_lists_the_keys_of_the_screen(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, (120, 40)) as pilot:
        await pilot.press("6", "question_mark")
        await until_shows(pilot, "Jump to a dialogue")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, PairsScreen))


async def test_escape_never_quits(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled) as pilot:
        for _ in range(4):
            await pilot.press("escape")
        assert pilot.app.is_running
        await until_shows(pilot, "pipeline")


@pytest.mark.parametrize("key", list("12345678"))
@pytest.mark.parametrize("size", SIZES)
async def test_no_screen_lets_hostile_text_control_the_terminal(
    opened: Open, filled: WorkspacePaths, key: str, size: tuple[int, int]
) -> None:
    async with opened(filled, size) as pilot:
        await pilot.press(key)
        await settled(pilot)
        text = shown(pilot)
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "\x9b" not in text


async def test_an_empty_workspace_says_what_to_do_next(opened: Open, empty: WorkspacePaths) -> None:
    async with opened(empty) as pilot:
        await until_shows(pilot, "demo")
        assert "import" in shown(pilot).lower()


@pytest.mark.parametrize("key", list("3456"))
async def test_every_screen_says_what_is_missing(opened: Open, prepared: WorkspacePaths, key: str) -> None:
    async with opened(prepared) as pilot:
        await pilot.press(key)
        missing = ("no data", "no run", "no comparison", "no pair")
        await until(pilot, lambda: any(word in shown(pilot) for word in missing))


async def test_resizing_keeps_the_selected_row(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, (120, 40)) as pilot:
        await pilot.press("2")
        await until_shows(pilot, "✓ done")
        await pilot.press("down", "down", "down")
        table = pilot.app.screen.query_one("#jobs")
        before = table.selected_key  # type: ignore[attr-defined]
        for size in ((60, 20), (200, 60), (80, 24)):
            await pilot.resize_terminal(*size)
            await settled(pilot)
        assert table.selected_key == before  # type: ignore[attr-defined]


@pytest.mark.parametrize("screen", "123456789")
async def test_what_has_been_read_is_not_said_to_be_read(
    opened: Open, prepared: WorkspacePaths, screen: str
) -> None:
    async with opened(prepared, (120, 40)) as pilot:
        await pilot.press(screen)
        await settled(pilot)
        for key in ("enter", "f", "m", "v", "y", "l", "left_square_bracket"):
            await pilot.press(key)
            await settled(pilot)
            assert "being read" not in shown(pilot), key
            await pilot.press("escape")
            await settled(pilot)
