"""The training screen: what it shows of runs in every state, and what its keys do."""

from __future__ import annotations

import math
import re
from contextlib import closing

import pytest
from textual.events import MouseScrollUp
from textual.pilot import Pilot

from core.config.workspace import WorkspacePaths
from core.jobs.records import metric
from core.store import connections, job_records, jobs
from core.store.connections import transaction
from tests.support.filled_workspace import CONFIG, NOW, job_id
from tests.support.settling import shown, until, until_shows
from tests.tui.conftest import Open
from tui.app.application import EmpathyApp
from tui.app.poller import SnapshotChanged
from tui.components.listing import Listing
from tui.screens.training.screen import TrainingScreen

WIDE, MEDIUM, NARROW = (200, 60), (120, 40), (80, 24)
SFT, DPO = "smollm2/direct/chatgpt/sft", "smollm2/direct/chatgpt/sft-dpo"


async def opened_room(pilot: Pilot[None]) -> TrainingScreen:
    await pilot.press("4")
    await until_shows(pilot, "step 60")
    screen = pilot.app.screen
    assert isinstance(screen, TrainingScreen)
    return screen


def braille(pilot: Pilot[None]) -> set[str]:
    return {character for character in shown(pilot) if "\u2801" <= character <= "\u28ff"}


def log(workspace: WorkspacePaths, stage: str, name: str, step: int, **values: float) -> None:
    """What a worker would log now."""
    job = job_id(workspace, stage, name)
    with closing(connections.writer(workspace.state)) as connection, transaction(connection):
        job_records.put_metric(connection, job, NOW + step, metric(step, values))


async def test_the_selected_run_its_charts_and_its_metrics(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, MEDIUM) as pilot:
        await opened_room(pilot)
        # A chart each, and the metrics beside them, which may be drawn after the charts.
        await until(pilot, lambda: shown(pilot).count("learning_rate") == 2)
        text = shown(pilot)
        assert "60/60" in text
        for name in ("learning_rate", "grad_norm", "tokens_per_second"):
            assert text.count(name) == 2, name
        assert braille(pilot)
        await pilot.press("down")
        await until_shows(pilot, "step 31")
        assert "rewards/margins" in shown(pilot)
        assert "ETA 18m 27s" in shown(pilot)


async def test_one_chart_at_a_time_where_there_is_little_room(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, NARROW) as pilot:
        await opened_room(pilot)
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


async def test_enter_goes_from_the_grid_to_one_chart_and_back(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, WIDE) as pilot:
        screen = await opened_room(pilot)
        await pilot.press("m", "enter")
        await until(pilot, lambda: len(screen._tiles) == 1)
        assert "▸learning_rate" in shown(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: len(screen._tiles) == 4)


async def test_the_cursor_shows_step_time_and_values(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, MEDIUM) as pilot:
        screen = await opened_room(pilot)
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
        screen = await opened_room(pilot)
        await pilot.press("space", "down")
        await until(pilot, lambda: len(screen._curves) == 2)
        await until_shows(pilot, "1●")
        text = shown(pilot)
        assert "2○" in text
        # Each run's metrics in a column of its own; one that a run does not log is not known.
        assert re.search(r"rewards/margins +— +0\.3100", text)
        assert [reading.run.number for reading in screen._tiles[0].readings] == ["1", "2"]
        await pilot.press("asterisk", "up", "u")
        await until(pilot, lambda: [run.job for run in screen._shown()] == [screen._run])
        assert "●" not in shown(pilot)


async def test_no_more_runs_are_marked_than_can_be_told_apart(opened: Open, filled: WorkspacePaths) -> None:
    more = '"direct/chatgpt", "direct/llama", "direct/gemini", "direct/mixtral"'
    filled.config.write_text(CONFIG.replace('"direct/chatgpt"', more))
    async with opened(filled, MEDIUM) as pilot:
        await opened_room(pilot)
        await pilot.press(*["space", "down"] * 6)
        await until_shows(pilot, "not drawn: 6 runs are marked")
        await pilot.press("space")
        await until_shows(pilot, "unmarks all")


async def test_looking_closer_and_at_the_whole_again(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, MEDIUM) as pilot:
        await opened_room(pilot)
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


async def test_scale_smoothing_and_axis_are_told(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, MEDIUM) as pilot:
        screen = await opened_room(pilot)
        await pilot.press("y", "e")
        await until_shows(pilot, "log  ·  smoothed 0.6")
        await pilot.press("E", "y", "x")
        await until_shows(pilot, "over time")
        await until(pilot, lambda: screen._drawing is not None and screen._drawing.whole.high == 59 * 20)
        # No epochs were logged: from time it goes back to steps.
        await pilot.press("x")
        await until(pilot, lambda: screen._drawing is not None and screen._drawing.whole.high == 60)


async def test_the_panel_shows_settings_answers_and_the_log(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, MEDIUM) as pilot:
        await opened_room(pilot)
        await pilot.press("p")
        await until_shows(pilot, "per_device_train_batch_size")
        await pilot.press("p")
        await until_shows(pilot, "That sounds hard. I am here for you.")
        await pilot.press("p")
        await until_shows(pilot, "INFO attempt 1 of a made job")
        await pilot.press("p")
        await until(pilot, lambda: "settings" not in shown(pilot))
        await pilot.press("P")
        await until_shows(pilot, "INFO step 1 of 60")


async def test_settings_in_which_runs_differ_come_first(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, WIDE) as pilot:
        await opened_room(pilot)
        await pilot.press("space", "down", "p")
        await until_shows(pilot, "Different:")
        text = shown(pilot)
        assert text.index("1 5e-05  2 5e-06") < text.index("num_train_epochs")
        assert "beta  1 —  2 0.1" in text


async def test_the_log_of_a_running_run_is_followed(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, MEDIUM) as pilot:
        await opened_room(pilot)
        await pilot.press("down", "P", "P")
        await until_shows(pilot, "INFO attempt 2 of a made job")
        folder = filled.attempt(job_id(filled, "sft-dpo", DPO), 2)
        with (folder / "log.txt").open("a") as file:
            file.write("INFO a line that came later\n")
        await until_shows(pilot, "INFO a line that came later")


async def test_where_there_is_little_room_the_panel_takes_the_charts_place(
    opened: Open, filled: WorkspacePaths
) -> None:
    async with opened(filled, NARROW) as pilot:
        screen = await opened_room(pilot)
        await pilot.press("p")
        await until_shows(pilot, "max")
        assert not screen._charts.region
        await pilot.press("escape")
        await until(pilot, lambda: bool(braille(pilot)))
        assert pilot.app.screen is screen


async def test_one_chart_may_have_the_whole_window(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, NARROW) as pilot:
        screen = await opened_room(pilot)
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


async def test_what_is_logged_meanwhile_is_drawn(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, MEDIUM) as pilot:
        screen = await opened_room(pilot)
        await pilot.press("down")
        await until_shows(pilot, "› step 31")
        log(filled, "sft-dpo", DPO, 32, loss=0.25)
        await until_shows(pilot, "› step 32")
        assert "0.2500" in shown(pilot)
        # A cursor that was set stays where it is.
        await pilot.press("left")
        await until_shows(pilot, "│ step 31")
        log(filled, "sft-dpo", DPO, 33, loss=0.2)
        await until(pilot, lambda: screen._drawing is not None and screen._drawing.whole.high == 33)
        assert "│ step 31" in shown(pilot)


async def test_what_is_not_a_number_is_told_in_words(opened: Open, filled: WorkspacePaths) -> None:
    for step, wrong in ((32, math.nan), (33, math.nan), (34, math.inf)):
        log(filled, "sft-dpo", DPO, step, loss=wrong)
    async with opened(filled, NARROW) as pilot:
        await opened_room(pilot)
        await pilot.press("down")
        await until_shows(pilot, "✗ NaN at step 32, 2 times; infinite at step 34")
        assert braille(pilot)
        await pilot.press("p")
        await until_shows(pilot, " inf ")


async def test_evaluation_is_drawn_with_what_it_evaluates(opened: Open, filled: WorkspacePaths) -> None:
    for step in (20, 40, 60):
        log(filled, "sft", SFT, step, eval_loss=2.5)
    async with opened(filled, NARROW) as pilot:
        screen = await opened_room(pilot)
        await until_shows(pilot, "○")
        assert screen._drawing is not None
        assert "eval_loss" not in screen._drawing.names
        await pilot.press("p")
        await until_shows(pilot, "eval_loss")


async def test_a_failed_run_says_why(opened: Open, filled: WorkspacePaths) -> None:
    job = job_id(filled, "sft-dpo", DPO)
    with closing(connections.writer(filled.state)) as connection, transaction(connection):
        error = "the loss at step 32 is not a number: lower the learning rate"
        jobs.set_state(connection, job, "failed", error=error)
    async with opened(filled, NARROW) as pilot:
        await opened_room(pilot)
        await pilot.press("down")
        await until_shows(pilot, "✗ failed: the loss at step 32 is not a number")
        assert braille(pilot)


async def test_what_failed_beside_a_run_is_a_warning(opened: Open, filled: WorkspacePaths) -> None:
    job = job_id(filled, "sft-dpo", DPO)
    with closing(connections.writer(filled.state)) as connection, transaction(connection):
        (attempt, *_) = jobs.attempts(connection, job=job)
        for moment, text in enumerate(["the logger Wandb gets no metrics", "no sample answers"] * 2):
            job_records.put_warning(connection, attempt, float(moment), text)
    async with opened(filled, NARROW) as pilot:
        await opened_room(pilot)
        await pilot.press("down")
        await until_shows(pilot, "! the logger Wandb gets no metrics (2 times)")
        await until_shows(pilot, "! no sample answers (2 times)")
        assert braille(pilot)


async def test_a_run_without_metrics_shows_what_it_waits_for(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, NARROW) as pilot:
        await opened_room(pilot)
        await pilot.press("end")
        await until_shows(pilot, "not started: S on the pipeline screen starts")
        await pilot.press("m")
        await until_shows(pilot, "these runs have no metrics yet")
        await pilot.press("left")
        await until_shows(pilot, "there are no steps yet")
        await pilot.press("o")
        await until_shows(pilot, "this run has no log")


async def test_runs_are_filtered_and_sorted(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, MEDIUM) as pilot:
        await opened_room(pilot)
        await pilot.press("slash", *"running", "enter")
        await until_shows(pilot, "/running: 1 of 4")
        await until_shows(pilot, "step 31")
        await pilot.press("escape")
        await until(pilot, lambda: "60/60" in shown(pilot))
        await pilot.press(*["greater_than_sign"] * 5)
        await until_shows(pilot, "by loss")


async def test_a_list_of_which_nothing_changed_is_left_alone(
    opened: Open, filled: WorkspacePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(filled, MEDIUM) as pilot:
        screen = await opened_room(pilot)
        app = pilot.app
        assert isinstance(app, EmpathyApp)
        assert app.snapshot is not None
        await until(pilot, lambda: bool(screen._losses))
        drawing, filled_again = screen._drawing, []
        monkeypatch.setattr(Listing, "show", lambda *given: filled_again.append(given))
        app.post_message(SnapshotChanged(app.snapshot, pending=False))
        await pilot.pause(0.6)
        assert filled_again == []
        assert screen._drawing is drawing


async def test_other_colours_draw_all_anew(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, MEDIUM) as pilot:
        screen = await opened_room(pilot)
        await until(pilot, lambda: screen._drawing is not None)
        before = screen._drawing
        await pilot.press("t")
        await until(pilot, lambda: screen._drawing is not before)
        assert screen._drawing is not None
        assert screen._drawing.request.colours.axis == "#b9c3cd"


async def test_the_room_fits_every_size(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, MEDIUM) as pilot:
        screen = await opened_room(pilot)
        for size in ((60, 20), WIDE, (40, 12), NARROW, MEDIUM):
            await pilot.resize_terminal(*size)
            await until(
                pilot,
                lambda: (
                    screen._drawing is not None
                    and (screen._drawing.request.width, screen._drawing.request.height) == screen._charts.size
                ),
            )
            assert braille(pilot)


async def test_the_mouse_points_and_looks_closer(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, NARROW) as pilot:
        screen = await opened_room(pilot)
        await pilot.click(screen._charts, offset=(40, 5))
        await until_shows(pilot, "│ step 31")
        turned = MouseScrollUp(screen._charts, 40, 5, 0, -1, 0, False, False, False)
        screen._charts.post_message(turned)
        await until(pilot, lambda: bool(re.search(r"steps 1\d to 4\d", shown(pilot))))
        assert "│ step 31" in shown(pilot)


async def test_where_a_run_has_not_been_it_has_no_value(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, MEDIUM) as pilot:
        await opened_room(pilot)
        await pilot.press("space", "down", "space", "up", "left")
        await until_shows(pilot, "│ step 58")
        # The other run is at step 31.
        await until(pilot, lambda: bool(re.search(r"loss +0\.\d+ +— ", shown(pilot))))


async def test_epochs_are_an_axis_where_they_are_logged(opened: Open, filled: WorkspacePaths) -> None:
    for step in range(1, 61):
        log(filled, "sft", SFT, step, epoch=step / 20)
    async with opened(filled, MEDIUM) as pilot:
        screen = await opened_room(pilot)
        await pilot.press("x", "x")
        await until_shows(pilot, "over epoch")
        assert screen._drawing is not None
        assert screen._drawing.whole == (0.05, 3.0)
        # A run that logs none is not drawn over them, and says so.
        await pilot.press("down")
        await until(pilot, lambda: not braille(pilot))
        await pilot.press("left")
        await until_shows(pilot, "has no epochs")


async def test_in_little_room_the_panel_goes_along_with_the_list(
    opened: Open, filled: WorkspacePaths
) -> None:
    async with opened(filled, NARROW) as pilot:
        await opened_room(pilot)
        await pilot.press("p")
        await until_shows(pilot, "max")
        await pilot.press("down")
        await until_shows(pilot, "rewards/margins")


@pytest.mark.parametrize("theme", ["nord", "ansi-dark", "solarized-light"])
async def test_every_theme_has_its_colours(opened: Open, filled: WorkspacePaths, theme: str) -> None:
    async with opened(filled, MEDIUM) as pilot:
        pilot.app.theme = theme
        await opened_room(pilot)
        await pilot.press("space", "down", "e", "left")
        await until_shows(pilot, "●")
        assert braille(pilot)
