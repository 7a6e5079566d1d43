"""The training screen: what it shows of runs in every state, and what its keys do."""

from __future__ import annotations

from contextlib import closing

import pytest

from core.config.workspace import WorkspacePaths
from core.store import connections
from core.store.connections import transaction
from core.store.jobs import job_attempts, job_records, jobs
from tests.support.settling import settled, shown, until, until_shows
from tests.support.workspaces.filled_workspace import job_id
from tests.tui.conftest import Open
from tests.tui.screens.training.training_screen import (
    DPO,
    MEDIUM,
    NARROW,
    WIDE,
    braille,
    log_metrics,
    open_training,
)
from tui.app.application import EmpathyApp
from tui.app.polling.poller import SnapshotChanged
from tui.components.listing import Listing


async def test_the_selected_run_its_charts_and_its_metrics(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, MEDIUM) as pilot:
        await open_training(pilot)
        # A chart each, and the metrics and settings beside them, which may be drawn after the charts.
        await until(pilot, lambda: shown(pilot).count("learning_rate") == 3)
        text = shown(pilot)
        assert "60/60" in text
        assert text.count("tokens_per_second") == 2
        assert "max_grad_norm" in text
        assert braille(pilot)
        await pilot.press("down")
        await until_shows(pilot, "step 31")
        assert "rewards/margins" in shown(pilot)
        assert "ETA 18m 27s" in shown(pilot)


async def test_the_panel_shows_settings_answers_and_the_log(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, MEDIUM) as pilot:
        await open_training(pilot)
        await pilot.press("right_square_bracket")
        await until_shows(pilot, "per_device_train_batch_size")
        await pilot.press("right_square_bracket")
        await until_shows(pilot, "That sounds hard. I am here for you.")
        await pilot.press("right_square_bracket")
        await until_shows(pilot, "INFO attempt 1 of a made job")
        await pilot.press("right_square_bracket")
        await until(pilot, lambda: "settings" not in shown(pilot))
        await pilot.press("left_square_bracket")
        await until_shows(pilot, "INFO step 1 of 60")


async def test_settings_in_which_runs_differ_come_first(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, WIDE) as pilot:
        await open_training(pilot)
        await pilot.press("space", "down", "right_square_bracket")
        await until_shows(pilot, "Different:")
        text = shown(pilot)
        assert text.index("1: 5e-05  2: 5e-06") < text.index("num_train_epochs")
        assert "beta  1: —  2: 0.1" in text


async def test_the_log_of_a_running_run_is_followed(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, MEDIUM) as pilot:
        await open_training(pilot)
        await pilot.press("down", "left_square_bracket", "left_square_bracket")
        await until_shows(pilot, "INFO attempt 2 of a made job")
        folder = filled.attempt(job_id(filled, "sft-dpo", DPO), 2)
        with (folder / "log.txt").open("a") as file:
            file.write("INFO a line that came later\n")
        await until_shows(pilot, "INFO a line that came later")


async def test_on_a_small_terminal_the_panel_replaces_the_chart(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, NARROW) as pilot:
        screen = await open_training(pilot)
        await pilot.press("right_square_bracket")
        await until_shows(pilot, "max")
        assert not screen._charts.region
        await pilot.press("escape")
        await until(pilot, lambda: bool(braille(pilot)))
        assert pilot.app.screen is screen


async def test_what_is_logged_meanwhile_is_drawn(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, MEDIUM) as pilot:
        screen = await open_training(pilot)
        await pilot.press("down")
        await until_shows(pilot, "› step 31")
        log_metrics(filled, "sft-dpo", DPO, 32, loss=0.25)
        await until_shows(pilot, "› step 32")
        assert "0.2500" in shown(pilot)
        # A cursor that was set stays where it is.
        await pilot.press("left")
        await until_shows(pilot, "│ step 31")
        log_metrics(filled, "sft-dpo", DPO, 33, loss=0.2)
        await until(pilot, lambda: screen._drawing is not None and screen._drawing.whole.high == 33)
        assert "│ step 31" in shown(pilot)


async def test_a_failed_run_says_why(opened: Open, filled: WorkspacePaths) -> None:
    job = job_id(filled, "sft-dpo", DPO)
    with closing(connections.writer(filled.state)) as connection, transaction(connection):
        error = "the loss at step 32 is not a number: lower the learning rate"
        jobs.set_state(connection, job, "failed", error=error)
    async with opened(filled, NARROW) as pilot:
        await open_training(pilot)
        await pilot.press("down")
        await until_shows(pilot, "✗ failed: the loss at step 32 is not a number")
        assert braille(pilot)


async def test_what_failed_beside_a_run_is_a_warning(opened: Open, filled: WorkspacePaths) -> None:
    job = job_id(filled, "sft-dpo", DPO)
    with closing(connections.writer(filled.state)) as connection, transaction(connection):
        (attempt, *_) = job_attempts.attempts(connection, job=job)
        for moment, text in enumerate(["the logger Wandb gets no metrics", "no sample answers"] * 2):
            job_records.put_warning(connection, attempt, float(moment), text)
    async with opened(filled, NARROW) as pilot:
        await open_training(pilot)
        await pilot.press("down")
        await until_shows(pilot, "! the logger Wandb gets no metrics (2 times)")
        await until_shows(pilot, "! no sample answers (2 times)")
        assert braille(pilot)


async def test_a_run_without_metrics_shows_what_it_waits_for(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, NARROW) as pilot:
        await open_training(pilot)
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
        await open_training(pilot)
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
        screen = await open_training(pilot)
        app = pilot.app
        assert isinstance(app, EmpathyApp)
        assert app.snapshot is not None
        await until(pilot, lambda: bool(screen._losses))
        drawing, filled_again = screen._drawing, []
        monkeypatch.setattr(Listing, "show", lambda *given: filled_again.append(given))
        app.post_message(SnapshotChanged(app.snapshot, pending=False))
        await settled(pilot)
        assert filled_again == []
        assert screen._drawing is drawing


async def test_the_screen_fits_every_size(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, MEDIUM) as pilot:
        screen = await open_training(pilot)
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


async def test_on_a_small_terminal_the_panel_follows_the_list(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, NARROW) as pilot:
        await open_training(pilot)
        await pilot.press("right_square_bracket")
        await until_shows(pilot, "max")
        await pilot.press("down")
        await until_shows(pilot, "rewards/margins")
