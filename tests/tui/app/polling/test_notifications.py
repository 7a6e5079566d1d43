"""What ended is shown once, in a toast, and by bell or desktop where that is configured."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pytest

from core.config.workspace import WorkspacePaths
from core.domain.jobs.job import Job
from core.domain.jobs.snapshot import Snapshot, SupervisorStatus
from core.domain.states import JobState
from core.store import connections
from core.store.jobs import jobs
from tests.services.pipeline.test_forecast import job
from tests.support.records import made_results
from tests.support.settling import until, until_shows
from tests.support.workspaces.filled_workspace import HOSTILE, job_id
from tests.tui.conftest import Open
from tests.tui.screens.home.test_screen import snapshot_of
from tui.app.application import EmpathyApp
from tui.app.polling.notifications import News, news
from tui.format.jobs.job_states import exit_message
from tui.runtime.terminal import desktop


def states(snapshot: Snapshot, *found: Job) -> Snapshot:
    return replace(snapshot, jobs=found)


@pytest.fixture
def snapshot(filled: WorkspacePaths) -> Snapshot:
    return snapshot_of(filled)


def test_what_ended_between_two_looks(snapshot: Snapshot) -> None:
    before = states(
        snapshot, job("a", "running"), job("b", "running"), job("c", "waiting"), job("d", "running")
    )
    failed = replace(job("b", "failed"), error="out of memory\nTraceback")
    after = states(snapshot, job("a", "done", took=62), failed, job("c", "waiting"), job("d", "running"))
    assert news(before, after) == [
        News("✗ sft b failed: out of memory", failed=True),
        News("✓ sft a is done after 1m 02s"),
    ]
    assert news(after, after) == []


def test_many_notifications_become_one_with_a_count(snapshot: Snapshot) -> None:
    def all_of(state: JobState) -> Snapshot:
        return states(snapshot, *(job(f"j{i}", state) for i in range(9)))

    assert news(all_of("running"), all_of("done")) == [News("9 jobs are done"), News("All jobs have ended.")]
    result = news(all_of("running"), all_of("failed"))[0]
    assert result.failed
    assert result.text.endswith("and 6 more failed")


def test_work_that_waits_has_not_ended(snapshot: Snapshot) -> None:
    before = states(snapshot, job("a", "running"), job("b", "waiting", "a"))
    # Jobs become ready in a later transaction.
    assert news(before, states(snapshot, job("a", "done"), job("b", "waiting", "a"))) == [
        News("✓ sft a is done")
    ]
    assert news(before, states(snapshot, job("a", "failed"), job("b", "waiting", "a"))) == [
        News("✗ sft a failed", failed=True),
        News("All jobs have ended."),
    ]


def test_how_many_jobs_go_on_when_the_app_closes(snapshot: Snapshot) -> None:
    supervised = replace(snapshot, supervisor=SupervisorStatus(True, 1))
    going = states(supervised, job("a", "running"), job("b", "waiting", "a"), job("c", "waiting", "b"))
    assert (exit_message(going) or "").startswith("3 jobs continue in the background.")
    stuck = states(supervised, job("a", "failed"), job("b", "waiting", "a"))
    assert exit_message(stuck) is None
    assert exit_message(replace(going, supervisor=SupervisorStatus(False, None))) is None


def test_a_second_failure_of_the_same_job_is_news(snapshot: Snapshot) -> None:
    before = states(snapshot, job("a", "failed"), job("b", "running"))
    after = states(snapshot, replace(job("a", "failed"), attempt=2), job("b", "running"))
    assert [one.text for one in news(before, after)] == ["✗ sft a failed"]


async def test_a_toast_shows_it(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, (120, 40)) as pilot:
        await until_shows(pilot, "7 of 17 done")
        running = job_id(filled, "sft-dpo", "smollm2/direct/chatgpt/sft-dpo")
        with closing(connections.writer(filled.state)) as connection, connections.transaction(connection):
            jobs.set_state(connection, running, "failed", error=HOSTILE)
        await until_shows(pilot, "chatgpt/sft-dpo failed: calm")
        await until_shows(pilot, "All jobs have ended.")


class Written:
    """Stands for the terminal: keeps what is written to it beside the screen."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize(
    ("how", "expected"), [("toast", ""), ("bell", "\a"), ("desktop", "\x1b]9;✓ sft-dpo ")]
)
async def test_bell_and_desktop_where_asked_for(
    opened: Open, filled: WorkspacePaths, monkeypatch: pytest.MonkeyPatch, how: str, expected: str
) -> None:
    monkeypatch.delenv("TMUX", raising=False)
    filled.config.write_text(filled.config.read_text() + f'\n[app]\nnotify = "{how}"\n')
    async with opened(filled, (120, 40)) as pilot:
        await until_shows(pilot, "7 of 17 done")
        app = pilot.app
        assert isinstance(app, EmpathyApp)
        written = Written()
        driver = app._driver
        assert driver is not None
        monkeypatch.setattr(driver, "write", written.write)
        monkeypatch.setattr(type(app), "is_headless", property(lambda self: False))
        running = job_id(filled, "sft-dpo", "smollm2/direct/chatgpt/sft-dpo")
        with closing(connections.writer(filled.state)) as connection, connections.transaction(connection):
            jobs.set_state(connection, running, "done", result=made_results.dpo())
        await until_shows(pilot, "sft-dpo is done")
        # The screen is written there as well.
        await until(pilot, lambda: expected in written.text)
        assert ("\a" in written.text) == (how != "toast")
        monkeypatch.undo()


def test_a_desktop_notification_is_one_line_and_gets_through_tmux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TMUX", raising=False)
    assert desktop.notification("a\nb") == "\x1b]9;a b\x07"
    monkeypatch.setenv("TMUX", "/tmp/x,1,0")
    assert desktop.notification("a") == "\x1bPtmux;\x1b\x1b]9;a\x07\x1b\\"
