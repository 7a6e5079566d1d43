"""What a snapshot says of jobs: only what is so now, also after config.toml has changed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from core.config.workspace import WorkspacePaths
from core.domain.jobs.job import Job
from core.domain.jobs.job_rules import count_jobs
from core.services.workspace import open_workspace
from core.store import connections
from core.store.jobs import job_attempts, jobs
from tests.support.workspaces.filled_workspace import fill, job_id


@pytest.fixture
def workspace(tmp_path: Path) -> WorkspacePaths:
    return fill(tmp_path / "study")


@pytest.fixture
def connection(workspace: WorkspacePaths) -> Iterator[sqlite3.Connection]:
    with closing(connections.writer(workspace.state)) as connection:
        yield connection


def job(workspace: WorkspacePaths, id: str) -> Job:
    with open_workspace(workspace) as opened:
        return {one.id: one for one in opened.pipeline.snapshot().jobs}[id]


def test_a_job_is_cancelling_until_it_has_ended(
    workspace: WorkspacePaths, connection: sqlite3.Connection
) -> None:
    running = job_id(workspace, "sft-dpo", "smollm2/direct/chatgpt/sft-dpo")
    assert not job(workspace, running).cancelling
    job_attempts.ask_to_stop(connection, running)
    assert job(workspace, running).cancelling
    attempt = job_attempts.attempts(connection, job=running, state="running")[0]
    job_attempts.end_attempt(connection, attempt, "cancelled")
    jobs.set_state(connection, running, "cancelled")
    ended = job(workspace, running)
    assert (ended.state, ended.cancelling) == ("cancelled", False)


def test_progress_and_times_are_those_of_the_newest_attempt(
    workspace: WorkspacePaths, connection: sqlite3.Connection
) -> None:
    failed = job_id(workspace, "recipe", "direct/all_together")
    jobs.set_progress(connection, failed, 3, 10, 42.0)
    assert job(workspace, failed).started_at is not None
    jobs.request_again(connection, failed, "retry requested")
    waiting = job(workspace, failed)
    assert (waiting.started_at, waiting.finished_at) == (None, None)
    assert (waiting.done, waiting.total, waiting.eta_s) == (None, None, None)


def test_what_waits_for_a_failed_recipe_that_config_no_longer_has_says_so(
    workspace: WorkspacePaths, connection: sqlite3.Connection
) -> None:
    failed = job_id(workspace, "recipe", "direct/all_together")
    run = job_id(workspace, "sft", "smollm2/direct/all_together/sft")
    jobs.set_state(connection, run, "waiting")
    before = workspace.config.read_text()
    workspace.config.write_text(before.replace(', "direct/all_together"', ""))
    assert workspace.config.read_text() != before
    with open_workspace(workspace) as opened:
        snapshot = opened.pipeline.snapshot()
        events = opened.pipeline.events()
    found = {one.id: one for one in snapshot.jobs}
    assert found[run].reason == "blocked: recipe direct/all_together failed"
    assert not found[run].in_config
    # The failure that blocks it is shown too, with its error, so that it can be tried again.
    assert found[failed].error
    assert not found[failed].in_config
    assert count_jobs(snapshot.jobs).blocked == 1
    assert "recipe direct/all_together" in {event.about for event in events}


def test_events_name_jobs_and_not_their_ids(workspace: WorkspacePaths) -> None:
    with open_workspace(workspace) as opened:
        events = opened.pipeline.events()
    about = {event.job: event.about for event in events}
    assert about[job_id(workspace, "recipe", "direct/chatgpt")] == "recipe direct/chatgpt"
    assert None not in {name for id, name in about.items() if id is not None}
