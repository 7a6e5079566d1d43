"""Home: the answers at a glance, what waits for a person, and the keys that mend it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from core.config.workspace import WorkspacePaths
from core.domain.evaluation.win_rates import SameAnswers
from core.domain.jobs.job_rules import JobCounts, counts_by
from core.domain.jobs.snapshot import Snapshot
from core.domain.states import JobState
from core.services.evaluation.comparison_reader import ComparisonReader
from core.services.workspace import open_workspace
from core.store import connections, workspace_settings
from core.store.jobs import jobs
from tests.support.settling import place_of, settled, shown, until, until_shows
from tests.support.workspaces import finished_workspace
from tests.support.workspaces.filled_workspace import job_id
from tests.tui.conftest import Open
from tui.app.application import EmpathyApp
from tui.screens.home import attention
from tui.screens.home.panels import HomePanels
from tui.screens.home.screen import differ_in_progress_alone
from tui.screens.home.stage_graph import eta_in_words
from tui.screens.home.stages import stages


def snapshot_of(workspace: WorkspacePaths) -> Snapshot:
    with open_workspace(workspace) as opened:
        return opened.pipeline.snapshot()


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60), (60, 20)])
async def test_it_answers_what_everybody_asks(
    opened: Open, filled: WorkspacePaths, size: tuple[int, int]
) -> None:
    async with opened(filled, size) as pilot:
        await until_shows(pilot, "▶ 7 of 17 done")
        await until_shows(pilot, "nothing spent")
        text = " ".join(shown(pilot).split())
        assert "1 running" in text
        assert "2 waiting" in text
        assert "1 failed" in text
        assert "1 cancelled" in text
        assert "5 not started" in text
        await until_shows(pilot, "└ ")
        # The running run reports 1,107 s; what follows from it takes what such jobs took: 375 s and 25 s.
        await until_shows(pilot, "ETA ~25m")
        if size != (60, 20):
            await until_shows(pilot, "70.8 %")
            await until_shows(pilot, "Judge embedded agrees with")
        if size[1] >= 40:
            await until_shows(pilot, "memory")


async def test_a_failure_is_one_key_from_its_log_and_one_from_another_try(
    opened: Open, filled: WorkspacePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.pipeline.launch.ensure", lambda workspace: None)
    async with opened(filled, (120, 40)) as pilot:
        await until_shows(pilot, "ect/all_together")
        failed = job_id(filled, "recipe", "direct/all_together")
        await pilot.press("r")

        def asked() -> bool:
            with closing(connections.reader(filled.state)) as connection:
                rows = connection.execute("SELECT kind, payload FROM intents").fetchall()
            return [(row["kind"], failed in row["payload"]) for row in rows] == [("retry", True)]

        await until(pilot, asked)
        await pilot.press("enter")
        await until_shows(pilot, "attempt 1 of a made job")
        await pilot.press("escape")
        await until_shows(pilot, "7 of 17 done")


async def test_the_line_of_keys_has_those_that_apply_to_the_item(
    opened: Open, filled: WorkspacePaths
) -> None:
    async with opened(filled, (120, 40)) as pilot:

        async def has(words: str) -> None:
            await until(pilot, lambda: shown(pilot).splitlines()[-1].strip().startswith(words))

        await has("⏎ Log  r Retry  S Start all")
        # The next one has no log, and the last one no job.
        for key, words in (("down", "r Retry  S Start all"), ("G", "S Start all"), ("g", "⏎ Log  r Retry")):
            await pilot.press(key)
            await has(words)
        await pilot.press("G", "r")
        await until_shows(pilot, "this item has no job")


async def test_an_empty_workspace_offers_what_it_lacks(opened: Open, empty: WorkspacePaths) -> None:
    async with opened(empty, (80, 24)) as pilot:
        await until_shows(pilot, "d Run the demo  i Import data  w New config  ^p")
        await pilot.press("w")
        await until_shows(pilot, "d Run the demo  i Import data  ^p")
        await pilot.press("w")
        await until_shows(pilot, "config.toml exists")


async def test_the_cursor_goes_to_a_failure_that_comes_unless_it_was_moved(
    opened: Open, filled: WorkspacePaths
) -> None:
    def end(state: JobState, name: str) -> None:
        with closing(connections.writer(filled.state)) as connection, connections.transaction(connection):
            jobs.set_state(connection, job_id(filled, "recipe", name), state)

    with closing(connections.writer(filled.state)) as connection, connections.transaction(connection):
        connection.execute("UPDATE jobs SET state = 'done'")
    async with opened(filled, (120, 40)) as pilot:
        await until_shows(pilot, "5 jobs not started")
        panels = pilot.app.screen.query_one(HomePanels)
        assert panels.item is not None
        assert panels.item.job is None
        end("failed", "direct/all_together")
        await until_shows(pilot, "✗  recipe")
        await until(pilot, lambda: panels.item is not None and panels.item.job is not None)
        await pilot.press("G")
        await until(pilot, lambda: panels.item is not None and panels.item.job is None)
        end("failed", "direct/chatgpt")
        await until_shows(pilot, "2 failed")
        await settled(pilot)
        assert panels.item is not None
        assert panels.item.job is None


@pytest.mark.parametrize(("width", "shows"), [(80, "a made job ends here"), (59, "retry")])
async def test_a_low_terminal_shows_the_whole_reason_of_the_item_under_the_cursor(
    opened: Open, filled: WorkspacePaths, width: int, shows: str
) -> None:
    with closing(sqlite3.connect(filled.state)) as connection, connection:
        reason = "a reason that is far too long for the row of a low terminal; a made job ends here"
        connection.execute("UPDATE attempts SET error = ? WHERE error IS NOT NULL", (reason,))
        connection.execute("UPDATE jobs SET error = ? WHERE error IS NOT NULL", (reason,))
    async with opened(filled, (width, 24)) as pilot:
        await until(pilot, lambda: shows in " ".join(shown(pilot).split()))


async def test_a_tall_terminal_shows_all_names_and_reasons_in_full(
    opened: Open, filled: WorkspacePaths
) -> None:
    async with opened(filled, (200, 60)) as pilot:
        await until_shows(pilot, "✗ recipe direct/all_together")
        await until_shows(pilot, "⊘ sft smollm2/direct/all_together/sft")
        assert "the prompt template is broken: calm" in " ".join(shown(pilot).split())


async def test_wide_terminals_have_more_where_there_is_room(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, (200, 60)) as pilot:
        await until_shows(pilot, "─ Next ─")
        await until_shows(pilot, "─ Runs ─")
        await pilot.resize_terminal(120, 40)
        await until(pilot, lambda: "─ Runs ─" not in shown(pilot))
        # The leaders leave room below them for the events, and these for what waits.
        await until_shows(pilot, "─ Next ─")
        panels = pilot.app.screen.query_one(HomePanels)
        await until(
            pilot, lambda: panels.query_one("#lately").region.y > panels.query_one("#leaders").region.y
        )
        await settled(pilot)
        assert panels.query_one("#lately").region.x == panels.query_one("#leaders").region.x
        assert panels.max_scroll_y == 0


async def test_win_rates_are_shown_before_it_is_known_who_answers_alike(
    opened: Open, filled: WorkspacePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = threading.Event()
    same_answers = ComparisonReader.same_answers

    def later(self: ComparisonReader) -> Sequence[SameAnswers]:
        assert known.wait(60)
        return same_answers(self)

    monkeypatch.setattr(ComparisonReader, "same_answers", later)
    with open_workspace(filled) as workspace:
        best = max(rate.win_rate_b or 0.0 for rate in workspace.evaluation.rates())
    async with opened(filled, (120, 40)) as pilot:
        try:
            await until_shows(pilot, f"{100 * best:.1f} %")
        finally:
            known.set()


async def test_an_unknown_eta_says_what_has_none(opened: Open, filled: WorkspacePaths) -> None:
    with closing(connections.writer(filled.state)) as connection, connections.transaction(connection):
        connection.execute("UPDATE jobs SET started_at = NULL WHERE stage = 'compare'")
    async with opened(filled, (120, 40)) as pilot:
        await until_shows(pilot, ": no estimate yet for compare")
        await until_shows(pilot, "ETA >")
        # The stages before it have an estimate.
        await until(
            pilot, lambda: any("sft-dpo" in line and "ETA ~" in line for line in shown(pilot).splitlines())
        )


def test_a_lower_bound_of_less_than_a_minute_is_unknown() -> None:
    assert [eta_in_words(seconds, is_lower_bound=True) for seconds in (0.0, 30.0, 130.0)] == [
        "ETA unknown",
        "ETA unknown",
        "ETA > 2m",
    ]


async def test_a_row_about_no_job_says_so(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, (120, 40)) as pilot:
        await until_shows(pilot, "5 jobs not started")
        await pilot.press("G", "r")
        await until_shows(pilot, "this item has no job")


async def test_it_says_what_is_broken_and_mended(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, (120, 40)) as pilot:
        before = filled.config.read_text()
        filled.config.write_text(before + "\n[nonsense]\n")
        await until_shows(pilot, "config.toml is invalid")
        await until_shows(pilot, "nonsense: there is no such option")
        filled.config.write_text(before)
        await until(pilot, lambda: "is invalid" not in shown(pilot))


def test_the_stages_follow_from_each_other(filled: WorkspacePaths) -> None:
    snapshot = snapshot_of(filled)
    found = {
        stage.name: stage for stage in stages(snapshot.jobs, counts_by(snapshot.jobs, lambda job: job.stage))
    }
    assert list(found) == ["judge", "recipe", "sft", "sft-dpo", "respond", "compare"]
    assert [found[name].depth for name in found] == [0, 0, 1, 2, 3, 4]
    assert found["compare"].after == ("judge", "respond")
    assert found["sft"].counts == JobCounts(done=1, cancelled=1)
    assert found["sft"].look.word == "cancelled"
    assert found["sft-dpo"].look.word == "running"
    assert found["sft-dpo"].share == pytest.approx(31 / 50 / 2), "the other one is not started"


def test_what_needs_attention_in_the_order_of_urgency(filled: WorkspacePaths) -> None:
    with closing(connections.writer(filled.state)) as connection, connections.transaction(connection):
        workspace_settings.set_setting(connection, "paused", "1")
    found = attention.attention_items(snapshot_of(filled), None, 0.0, watched=True)
    assert [item.what for item in found] == [
        "no supervisor runs",
        "recipe direct/all_together",
        "sft smollm2/direct/all_together/sft",
        "paused",
        "5 jobs not started",
    ]
    failed, cancelled = found[1], found[2]
    assert failed.why.startswith("the prompt template is broken")
    assert failed.remedy == (("table.open", "log"), ("home.retry", "retry"))
    assert cancelled.remedy == (("home.retry", "retry"),), "it has not run, and has no log"


async def test_progress_that_comes_at_once_after_other_progress_is_shown(
    opened: Open, filled: WorkspacePaths
) -> None:
    running = job_id(filled, "sft-dpo", "smollm2/direct/chatgpt/sft-dpo")

    def reach(done: int) -> None:
        with closing(connections.writer(filled.state)) as connection, connections.transaction(connection):
            jobs.set_progress(connection, running, done, 100, 600.0)

    async with opened(filled, (120, 40)) as pilot:
        app = pilot.app
        assert isinstance(app, EmpathyApp)
        await until_shows(pilot, "62 %")
        for done in (71, 72, 73):
            before = app.snapshot
            reach(done)
            await until(pilot, lambda before=before: app.snapshot is not before)  # type: ignore[misc]
        await until_shows(pilot, "73 %")


def test_only_progress_is_distinguished_from_all_other_changes(filled: WorkspacePaths) -> None:
    before = snapshot_of(filled)
    number = next(at for at, job in enumerate(before.jobs) if job.state == "running")

    def changed(**fields: object) -> Snapshot:
        listed = list(before.jobs)
        listed[number] = replace(listed[number], **fields)  # type: ignore[arg-type]
        return replace(before, version=before.version + 1, jobs=tuple(listed))

    assert differ_in_progress_alone(before, changed(done=7, total=9, eta_s=1.0))
    for fields in ({"state": "failed"}, {"cancelling": True}, {"error": "no room"}, {"attempt": 9}):
        assert not differ_in_progress_alone(before, changed(**fields))
    assert not differ_in_progress_alone(before, replace(before, paused=not before.paused))
    assert not differ_in_progress_alone(before, replace(before, jobs=before.jobs[1:]))


async def test_a_start_is_offered_only_where_jobs_would_start(opened: Open, tmp_path: Path) -> None:
    def last_line() -> str:
        return shown(pilot).splitlines()[-1]

    async with opened(finished_workspace.make(tmp_path / "study"), (120, 40)) as pilot:
        await until_shows(pilot, "21 of 21 done")
        await until(pilot, lambda: "Pause" in last_line())
        assert "Start all" not in last_line()
        await pilot.press("S")
        await until_shows(pilot, "all jobs are done: there is nothing to start")
        assert isinstance(pilot.app, EmpathyApp)
        with closing(connections.writer(pilot.app.workspace.state)) as connection:
            connection.execute("UPDATE jobs SET state = 'failed' WHERE stage = 'compare'")
            connection.commit()
        await until(pilot, lambda: "S Start all" in last_line())


async def test_an_empty_pipeline_needs_nothing(opened: Open, filled: WorkspacePaths) -> None:
    with closing(connections.writer(filled.state)) as connection, connections.transaction(connection):
        connection.execute("UPDATE jobs SET state = 'done'")
    async with opened(filled, (120, 40)) as pilot:
        app = pilot.app
        assert isinstance(app, EmpathyApp)
        await until_shows(pilot, "12 of 17 done")
        assert "ETA" not in shown(pilot).partition("Stages")[2].partition("Who wins")[0]


@pytest.mark.parametrize(
    ("words", "mode"),
    [
        # A stage, what has happened to a job, and a leader.
        ("└ ▶ sft-dpo", "pipeline"),
        ("sft-dpo smollm2/direct/chatgpt/sft-dpo", "pipeline"),
        ("70.8 %", "pairs"),
    ],
)
async def test_a_click_on_a_line_opens_what_it_shows(
    opened: Open, filled: WorkspacePaths, words: str, mode: str
) -> None:
    async with opened(filled, (120, 40)) as pilot:
        await until_shows(pilot, "70.8 %")
        await until_shows(pilot, words)
        await settled(pilot)
        await pilot.click(offset=place_of(pilot, words))
        await until(pilot, lambda: pilot.app.current_mode == mode)


async def test_a_click_on_an_item_selects_it_and_another_opens_its_log(
    opened: Open, filled: WorkspacePaths
) -> None:
    async with opened(filled, (120, 40)) as pilot:
        await until_shows(pilot, "5 jobs not started")
        await settled(pilot)
        panels = pilot.app.screen.query_one(HomePanels)
        await pilot.click(offset=place_of(pilot, "5 jobs not started"))
        await until(pilot, lambda: panels.item is not None and panels.item.what == "5 jobs not started")
        await pilot.click(offset=place_of(pilot, "✗  recipe"))
        await settled(pilot)
        if pilot.app.current_mode == "home":
            await pilot.click(offset=place_of(pilot, "✗  recipe"))
        await until_shows(pilot, "attempt 1 of a made job")
