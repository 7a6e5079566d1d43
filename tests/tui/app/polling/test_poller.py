"""The thread that watches the workspace: when it looks, and when it answers."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from queue import Queue

import pytest
from textual.message import Message

from core.services.workspace import Workspace
from core.store import connections, schema
from core.store.connections import transaction
from core.store.jobs import job_events, job_queries, jobs
from tests.support import waiting
from tests.support.workspaces.filled_workspace import fill
from tui.app.polling import poller
from tui.app.polling.poller import Poller, ReadAnswered, SnapshotChanged, WorkspaceUnreadable

Posted = Queue[Message]


@pytest.fixture
def posted() -> Posted:
    return Queue()


@pytest.fixture
def watched(tmp_path: Path, posted: Posted) -> Iterator[tuple[Poller, Path]]:
    workspace = fill(tmp_path / "study")
    thread = Poller(workspace, posted.put)
    yield thread, workspace.state
    thread.stop()


def test_questions_bring_no_look_before_its_time(
    watched: tuple[Poller, Path], posted: Posted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poller, "LOOK_S", 3600.0)
    thread, state = watched
    thread.start()
    assert isinstance(posted.get(timeout=waiting.STALL_S), SnapshotChanged)
    with closing(connections.writer(state)) as writer:
        for number in range(3):
            with transaction(writer):
                job_events.add_event(writer, f"event {number}")
            thread.read("events", lambda workspace: workspace.pipeline.events(limit=1)[0].text, print)
            answered = posted.get(timeout=waiting.STALL_S)
            assert isinstance(answered, ReadAnswered)
            assert answered.value == f"event {number}"


def test_changes_arrive_without_a_query(watched: tuple[Poller, Path], posted: Posted) -> None:
    thread, state = watched
    thread.start()
    first = posted.get(timeout=waiting.STALL_S)
    assert isinstance(first, SnapshotChanged)
    (running,) = (job for job in first.snapshot.jobs if job.state == "running")
    with closing(connections.writer(state)) as writer, transaction(writer):
        jobs.set_progress(writer, running.id, 40, 50, None)
    second = posted.get(timeout=waiting.STALL_S)
    assert isinstance(second, SnapshotChanged)
    assert next(job.done for job in second.snapshot.jobs if job.id == running.id) == 40


def test_a_damaged_store_is_read_again_once_it_is_sound(
    watched: tuple[Poller, Path], posted: Posted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also after the moment in which the thread prepares for other screens."""
    prepare, prepared = poller._prepare, threading.Event()

    def note() -> None:
        prepare()
        prepared.set()

    monkeypatch.setattr(poller, "LOOK_S", 0.01)
    monkeypatch.setattr(poller, "_prepare", note)
    thread, state = watched
    sound = state.rename(state.with_name("sound.db"))
    state.write_bytes(b"no database " * 1000)
    thread.start()
    assert isinstance(posted.get(timeout=waiting.STALL_S), WorkspaceUnreadable)
    assert prepared.wait(waiting.STALL_S)
    sound.replace(state)
    assert isinstance(posted.get(timeout=waiting.STALL_S), SnapshotChanged)


def test_a_newer_schema_is_shown_while_the_app_is_open(
    watched: tuple[Poller, Path], posted: Posted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poller, "LOOK_S", 0.01)
    thread, state = watched
    with closing(connections.writer(state)):
        thread.start()
        assert isinstance(posted.get(timeout=waiting.STALL_S), SnapshotChanged)
        with closing(sqlite3.connect(state)) as newer:
            newer.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
        message = posted.get(timeout=waiting.STALL_S)
        assert isinstance(message, WorkspaceUnreadable)
        assert f"has schema version {schema.VERSION + 1}, and this program knows" in message.error


def test_a_query_during_which_a_writer_comes_and_goes_is_answered(
    watched: tuple[Poller, Path], posted: Posted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poller, "LOOK_S", 3600.0)
    thread, state = watched
    thread.start()
    assert isinstance(posted.get(timeout=waiting.STALL_S), SnapshotChanged)
    calls = 0

    def query(workspace: Workspace) -> str:
        nonlocal calls
        calls += 1
        connection = workspace._state.connection()
        assert connection is not None
        if calls == 1:
            with closing(connections.writer(state)) as writer, transaction(writer):
                job_events.add_event(writer, "what happened meanwhile")
        return job_queries.events(connection, limit=1)[0].text

    thread.read("events", query, print)
    answered = posted.get(timeout=waiting.STALL_S)
    assert isinstance(answered, ReadAnswered)
    assert (answered.value, calls) == ("what happened meanwhile", 2)
