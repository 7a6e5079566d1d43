"""The charts of the training screen: which are shown, the cursor, and what is laid over each other."""

from __future__ import annotations

import math
import re

import pytest
from textual.events import MouseScrollUp

from core.config.workspace import WorkspacePaths
from tests.support.settling import settled, shown, until, until_shows
from tests.support.workspaces.filled_workspace import CONFIG
from tests.tui.conftest import Open
from tests.tui.screens.training.training_screen import (
    DPO,
    MEDIUM,
    NARROW,
    SFT,
    WIDE,
    braille,
    log_metrics,
    open_training,
)


async def test_one_chart_at_a_time_on_a_small_terminal(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, NARROW) as pilot:
        await open_training(pilot)
        assert "▸loss" in shown(pilot)
        assert "grad_norm" not in shown(pilot)
        await pilot.press("m")
        await until_shows(pilot, "▸learning_rate")
        await pilot.press("m")
        await until_shows(pilot, "▸grad_norm")
        await pilot.press("M", "M")
        await until_shows(pilot, "▸loss")
        await pilot.press("enter")
        await until_shows(pilot, "only one chart fits")
        await settled(pilot)
        assert "Grid" not in shown(pilot).splitlines()[-1]


async def test_enter_goes_from_the_grid_to_one_chart_and_back(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, WIDE) as pilot:
        screen = await open_training(pilot)
        await until(pilot, lambda: "⏎ Grid" in shown(pilot).splitlines()[-1])
        await pilot.press("m", "enter")
        await until(pilot, lambda: len(screen._tiles) == 1)
        assert "▸learning_rate" in shown(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: len(screen._tiles) == 4)


async def test_the_cursor_shows_step_time_and_values(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, MEDIUM) as pilot:
        screen = await open_training(pilot)
        await until(pilot, lambda: screen._drawing is not None)
        await pilot.press("left")
        await until_shows(pilot, "│ step 58")
        assert "19m 00s" in shown(pilot)
        await pilot.press("h")
        await until_shows(pilot, "│ step 56")
        await pilot.press("shift+left")
        await until_shows(pilot, "│ step 50")
        # The metrics beside the charts are those at the cursor.
        assert "tokens_per_second       84.00" in shown(pilot)
        await pilot.press("L")
        await until_shows(pilot, "│ step 56")
        await pilot.press("shift+right", "right")
        await until_shows(pilot, "› step 60")
        await pilot.press("left", "escape")
        await until_shows(pilot, "› step 60")


async def test_marked_runs_are_laid_over_each_other(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, MEDIUM) as pilot:
        screen = await open_training(pilot)
        await pilot.press("space", "down")
        await until(pilot, lambda: len(screen._curves) == 2)
        await until_shows(pilot, "1●")
        text = shown(pilot)
        assert "2○" in text
        # Each run's metrics in a column of its own; one that a run does not log is not known.
        assert re.search(r"rewards/margins +— +0\.3100", text)
        # The losses of SFT and DPO are of different kinds: each has axes of its own.
        tiles = [(one.metric, one.stage, [each.run.number for each in one.readings]) for one in screen._tiles]
        assert tiles[:3] == [
            ("loss", "sft", ["1"]),
            ("loss", "sft-dpo", ["2"]),
            ("learning_rate", "", ["1", "2"]),
        ]
        assert "loss · sft-dpo" in text
        await pilot.press("asterisk", "up", "u")
        await until(pilot, lambda: [run.job for run in screen.drawn_runs()] == [screen._run])
        assert "●" not in shown(pilot)


async def test_no_more_runs_are_marked_than_there_are_colors(opened: Open, filled: WorkspacePaths) -> None:
    more = '"direct/chatgpt", "direct/llama", "direct/gemini", "direct/mixtral"'
    filled.config.write_text(CONFIG.replace('"direct/chatgpt"', more))
    async with opened(filled, MEDIUM) as pilot:
        await open_training(pilot)
        await pilot.press(*["space", "down"] * 6)
        await until_shows(pilot, "not drawn: 6 runs are marked")
        await pilot.press("space")
        await until_shows(pilot, "unmarks all")


async def test_looking_closer_and_at_the_whole_again(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, MEDIUM) as pilot:
        await open_training(pilot)
        await pilot.press("plus")
        await until_shows(pilot, "steps 30 to 60")
        await pilot.press("plus")
        await until_shows(pilot, "steps 45 to 60")
        # Past the edge the view goes along.
        for _ in range(17):
            await pilot.press("shift+left")
        await until(pilot, lambda: "steps 45 to 60" not in shown(pilot))
        await pilot.press("minus", "0")
        await until(pilot, lambda: not re.search(r"steps \d+ to", shown(pilot)))


async def test_scale_smoothing_and_axis_are_shown(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, MEDIUM) as pilot:
        screen = await open_training(pilot)
        await pilot.press("Y", "w")
        await until_shows(pilot, "log  ·  smoothed 0.6")
        await pilot.press("W", "Y", "s")
        await until_shows(pilot, "over time")
        await until(pilot, lambda: screen._drawing is not None and screen._drawing.whole.high == 59 * 20)
        # No epochs were logged: from time it goes back to steps.
        await pilot.press("s")
        await until(pilot, lambda: screen._drawing is not None and screen._drawing.whole.high == 60)


async def test_one_chart_may_have_the_whole_window(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, NARROW) as pilot:
        screen = await open_training(pilot)
        before = screen._charts.size.height
        await pilot.press("z")
        await until(pilot, lambda: screen._charts.size.height > before)
        await until_shows(pilot, SFT)
        # The list is not to be seen, and still it is gone along.
        await pilot.press("j")
        await until_shows(pilot, "step 31")
        assert DPO in shown(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: screen._charts.size.height == before)
        await pilot.press("k")
        await until_shows(pilot, "step 60")


async def test_nan_and_infinity_are_written_as_words(opened: Open, filled: WorkspacePaths) -> None:
    for step, wrong in ((32, math.nan), (33, math.nan), (34, math.inf)):
        log_metrics(filled, "sft-dpo", DPO, step, loss=wrong)
    async with opened(filled, NARROW) as pilot:
        await open_training(pilot)
        await pilot.press("down")
        await until_shows(pilot, "✗ NaN at step 32, 2 times; infinite at step 34")
        assert braille(pilot)
        await pilot.press("right_square_bracket")
        await until_shows(pilot, " inf ")


async def test_evaluation_is_drawn_with_what_it_evaluates(opened: Open, filled: WorkspacePaths) -> None:
    for step in (20, 40, 60):
        log_metrics(filled, "sft", SFT, step, eval_loss=2.5)
    async with opened(filled, NARROW) as pilot:
        screen = await open_training(pilot)
        await until_shows(pilot, "○")
        assert screen._drawing is not None
        assert "eval_loss" not in screen._drawing.names
        await pilot.press("right_square_bracket")
        await until_shows(pilot, "eval_loss")


async def test_other_colours_draw_all_anew(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, MEDIUM) as pilot:
        screen = await open_training(pilot)
        await until(pilot, lambda: screen._drawing is not None)
        before = screen._drawing
        await pilot.press("C")
        await until(pilot, lambda: screen._drawing is not before)
        assert screen._drawing is not None
        assert screen._drawing.request.colours.axis == "#b9c3cd"


async def test_the_mouse_points_and_looks_closer(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, NARROW) as pilot:
        screen = await open_training(pilot)
        await pilot.click(screen._charts, offset=(40, 5))
        await until_shows(pilot, "│ step 31")
        turned = MouseScrollUp(screen._charts, 40, 5, 0, -1, 0, False, False, False)
        screen._charts.post_message(turned)
        await until(pilot, lambda: bool(re.search(r"steps 1\d to 4\d", shown(pilot))))
        assert "│ step 31" in shown(pilot)


async def test_where_a_run_has_not_been_it_has_no_value(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, MEDIUM) as pilot:
        await open_training(pilot)
        await pilot.press("space", "down", "space", "up", "left")
        await until_shows(pilot, "│ step 58")
        # The other run is at step 31.
        await until(pilot, lambda: bool(re.search(r"loss +0\.\d+ +— ", shown(pilot))))


async def test_epochs_are_an_axis_where_they_are_logged(opened: Open, filled: WorkspacePaths) -> None:
    for step in range(1, 61):
        log_metrics(filled, "sft", SFT, step, epoch=step / 20)
    async with opened(filled, MEDIUM) as pilot:
        screen = await open_training(pilot)
        await pilot.press("s", "s")
        await until_shows(pilot, "over epoch")
        assert screen._drawing is not None
        assert screen._drawing.whole == (0.05, 3.0)
        # A run that logs none is not drawn over them, and says so.
        await pilot.press("down")
        await until(pilot, lambda: not braille(pilot))
        await pilot.press("left")
        await until_shows(pilot, "has no epochs")


@pytest.mark.parametrize("theme", ["nord", "ansi-dark", "solarized-light"])
async def test_every_theme_has_its_colours(opened: Open, filled: WorkspacePaths, theme: str) -> None:
    async with opened(filled, MEDIUM) as pilot:
        pilot.app.theme = theme
        await open_training(pilot)
        await pilot.press("space", "down", "w", "left")
        await until_shows(pilot, "●")
        assert braille(pilot)
